/** What the folders promise, read from the sources themselves. */
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import {describe, expect, it} from 'vitest'

import {TOOL_VERSION} from '../src/version.js'
import {root} from './support/root.js'

/** Folders of src from the bottom up, then those beside it: what runs in one imports only from itself and from those before it. */
const LAYERS = [
  'src',
  'weaviate',
  'codec',
  'store',
  'catalog',
  'archive',
  'transfer',
  'backup',
  'verify',
  'restore',
  'clear',
  'testing',
  'config',
  'cli',
  'hooks',
  'commands',
]
/** The doors: they may import what they open. */
const DOORS = new Set(['src/codec/index.ts', 'src/index.ts', 'src/testing/index.ts'])
/** Of `process`, what neither prints nor reads the environment. */
const HARMLESS = new Set(['kill', 'pid', 'platform'])

interface Source {
  /** Where it uses `console`, or `process` in a way that is not harmless. */
  ambient: string[]
  file: string
  folder: string
  /** Specifiers that are there when it runs: all but `import type` and `export type`. */
  imports: string[]
}

const sources = new Map(
  ['src', 'commands', 'hooks']
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), {recursive: true, encoding: 'utf8'})
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `${folder}/${name.replaceAll(path.sep, '/')}`),
    )
    .map((file) => [file, read(file)]),
)
const core = [...sources.values()].filter(
  ({file, folder}) => file.startsWith('src/') && !['cli', 'config'].includes(folder),
)

describe('folders', () => {
  it('are all in the list of layers', () => {
    expect(new Set([...sources.values()].map(({folder}) => folder))).toEqual(new Set(LAYERS))
  })

  it('import downwards only, so that there is no cycle between them', () => {
    const upwards = [...sources.values()]
      .filter(({file}) => !DOORS.has(file))
      .flatMap(({file, folder, imports}) =>
        imports
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => resolve(file, specifier))
          .filter((target) => DOORS.has(target) || LAYERS.indexOf(folderOf(target)) > LAYERS.indexOf(folder))
          .map((target) => `${file} imports ${target}`),
      )
    expect(upwards).toEqual([])
  })

  it('leave the embedded server to tests, and each command to itself', () => {
    const wrong = [...sources.values()].flatMap(({file, folder, imports}) =>
      imports
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => resolve(file, specifier))
        .filter((target) => ['commands', 'testing'].includes(folderOf(target)))
        .filter((target) => folder !== 'testing' || folderOf(target) !== 'testing')
        .map((target) => `${file} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('keep the codecs portable: nothing that they reach imports node:', () => {
    const reached = reach('src/codec/index.ts', ...[...sources.keys()].filter((file) => file.startsWith('src/codec/')))
    const fromNode = reached.flatMap(({file, imports}) =>
      imports.filter((specifier) => specifier.startsWith('node:')).map((specifier) => `${file} imports ${specifier}`),
    )
    expect(reached.map(({file}) => file)).toContain('src/weaviate/schema.ts')
    expect(fromNode).toEqual([])
  })
})

describe('the core', () => {
  it('neither prints nor reads the environment', () => {
    expect(core.length).toBeGreaterThan(50)
    expect(core.flatMap(({ambient}) => ambient)).toEqual([])
  })

  it('is looked at closely enough to see it if it did', () => {
    const {ambient} = scan(
      'x.ts',
      'console.log(1); const {env} = process; process.stdout.write(""); globalThis.process.exit(); process.pid; options.process; // console',
    )
    expect(ambient).toEqual(['x.ts: console', 'x.ts: process', 'x.ts: process.stdout', 'x.ts: process.exit'])
  })
})

it('writes the version of package.json into backups', () => {
  expect(TOOL_VERSION).toBe(
    (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {version: string}).version,
  )
})

function read(file: string): Source {
  return scan(file, readFileSync(path.join(root, file), 'utf8'))
}

function scan(file: string, text: string): Source {
  const ambient: string[] = []
  const imports: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) look(node)
    const specifier = specifierOf(node)
    if (specifier) imports.push((specifier as ts.StringLiteral).text)
    ts.forEachChild(node, visit)
  }

  const look = (node: ts.Identifier): void => {
    const {parent, text: name} = node
    // A member or a name of somebody else's.
    const isMember = ts.isPropertyAccessExpression(parent) && parent.name === node
    if (isMember && parent.expression.getText() !== 'globalThis') return
    if (ts.isPropertyAssignment(parent) && parent.name === node) return
    if (ts.isImportSpecifier(parent) || ts.isImportClause(parent)) return
    if (name === 'console') ambient.push(`${file}: console`)
    if (name !== 'process') return
    const access = isMember ? parent.parent : parent
    const member = ts.isPropertyAccessExpression(access) ? access.name.text : undefined
    if (member === undefined) ambient.push(`${file}: process`)
    else if (!HARMLESS.has(member)) ambient.push(`${file}: process.${member}`)
  }

  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true))
  return {ambient, file, folder: folderOf(file), imports}
}

/** Where an import leads that is there when the file runs. */
function specifierOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly ? undefined : node.moduleSpecifier
  if (ts.isExportDeclaration(node)) return node.isTypeOnly ? undefined : node.moduleSpecifier
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return undefined
  return node.arguments[0]
}

function folderOf(file: string): string {
  const [top, ...rest] = file.split('/')
  return top === 'src' && rest.length > 1 ? rest[0]! : top!
}

function resolve(file: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts')
}

/** These files and all that they import, directly or not. */
function reach(...files: string[]): Source[] {
  const reached = new Map<string, Source>()
  const waiting = [...files]
  for (let file = waiting.pop(); file; file = waiting.pop()) {
    const source = sources.get(file)
    if (!source) throw new Error(`${file} is not there`)
    if (reached.has(file)) continue
    reached.set(file, source)
    waiting.push(...source.imports.filter((name) => name.startsWith('.')).map((name) => resolve(source.file, name)))
  }

  return [...reached.values()]
}
