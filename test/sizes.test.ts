/** How long files and functions are, where they say what they are, and that nothing stands twice. */
import {readdirSync, readFileSync} from 'node:fs'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {createRequire} from 'node:module'
import {tmpdir} from 'node:os'
import path from 'node:path'
import ts from 'typescript'
import {describe, expect, it} from 'vitest'

import {root} from './support/root.js'

const FILE_LINES = 400
const FUNCTION_LINES = 60
/** In front of what is longer, with the reason behind it. */
const REASON = 'Long because '
/** Lines of a clone; below this many tokens two pieces are alike by chance (imports, signatures). */
const CLONE = {minLines: 8, minTokens: 50}

const files = ['src', 'commands', 'hooks'].flatMap((folder) =>
  readdirSync(path.join(root, folder), {recursive: true, encoding: 'utf8'})
    .map((name) => `${folder}/${name.replaceAll(path.sep, '/')}`)
    .filter((name) => name.endsWith('.ts') && !name.includes('/generated/')),
)

describe('sizes', () => {
  it(`are at most ${FILE_LINES} lines a file and ${FUNCTION_LINES} a function, unless a line says why`, () => {
    expect(files.length).toBeGreaterThan(300)
    expect(files.flatMap((file) => tooLong(file, readFileSync(path.join(root, file), 'utf8')))).toEqual([])
  })

  it('are looked at closely enough', () => {
    const body = 'a()\n'.repeat(FUNCTION_LINES)
    expect(tooLong('x.ts', `function f() {\n${body}}\n`)).toEqual([`x.ts:1 f has ${FUNCTION_LINES + 2} lines`])
    expect(tooLong('x.ts', `class C {\n  m() {\n${body}}\n}\n`)).toEqual([`x.ts:2 m has ${FUNCTION_LINES + 2} lines`])
    expect(tooLong('x.ts', `// ${REASON}it is a table.\nfunction f() {\n${body}}\n`)).toEqual([])
    expect(tooLong('x.ts', 'a()\n'.repeat(FILE_LINES + 1))).toEqual([`x.ts has ${FILE_LINES + 1} lines`])
    expect(tooLong('x.ts', `/** ${REASON}it is a table. */\n${'a()\n'.repeat(FILE_LINES + 1)}`)).toEqual([])
  })
})

/** Sorting imports takes what stands above the first of them along. */
const HEADER_AMONG_IMPORTS = /^import [^]*?^\/\*\*[^\n]*\*\/\nimport /m

describe('headers', () => {
  it('stand above all imports', () => {
    expect(files.filter((file) => HEADER_AMONG_IMPORTS.test(readFileSync(path.join(root, file), 'utf8')))).toEqual([])
    expect("import {a} from 'a'\n/** What it is. */\nimport {b} from 'b'\n").toMatch(HEADER_AMONG_IMPORTS)
  })
})

describe('clones', () => {
  it('are none', {timeout: 120_000}, async () => {
    expect(await clones(['src', 'commands', 'hooks'].map((folder) => path.join(root, folder)))).toEqual([])
  })

  it('are found where there are some', async () => {
    const text = Array.from({length: 12}, (_, line) => `export const name${line} = make(${line}, "a${line}")`).join(
      '\n',
    )
    const folder = await mkdtemp(path.join(tmpdir(), 'elysia-test-'))
    try {
      await writeFile(path.join(folder, 'a.ts'), text)
      await writeFile(path.join(folder, 'b.ts'), `const other = 1\n${text}`)
      expect(await clones([folder])).toHaveLength(1)
    } finally {
      await rm(folder, {force: true, recursive: true})
    }
  })
})

function tooLong(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const lines = text.trimEnd().split('\n').length
  const found: string[] = []
  const first = source.statements[0]
  const header = first ? text.slice(0, first.getStart()) : ''
  if (lines > FILE_LINES && !header.includes(REASON)) found.push(`${file} has ${lines} lines`)
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const start = source.getLineAndCharacterOfPosition(node.getStart()).line
      const length = source.getLineAndCharacterOfPosition(node.end).line - start + 1
      const isExplained = text.slice(node.getFullStart(), node.getStart()).includes(REASON)
      if (length > FUNCTION_LINES && !isExplained) {
        found.push(`${file}:${start + 1} ${node.name?.getText() ?? 'a function'} has ${length} lines`)
      }
    }

    ts.forEachChild(node, visit)
  }

  visit(source)
  return found
}

interface Place {
  sourceId: string
  start: {line: number}
}

async function clones(folders: readonly string[]): Promise<string[]> {
  // Its ES module imports a file that is not there.
  const {detectClones} = createRequire(import.meta.url)('jscpd') as {
    detectClones: (options: object) => Promise<Array<{duplicationA: Place; duplicationB: Place}>>
  }
  // It makes an error of each piece that stands once, whose stack takes longer than the search.
  const {stackTraceLimit} = Error
  /* eslint-disable unicorn/no-nonstandard-builtin-properties -- V8 has it, which all tests run on */
  Error.stackTraceLimit = 0
  const found = await detectClones({
    ...CLONE,
    format: ['typescript'],
    ignore: ['**/generated/**'],
    // What two files import is what they have in common.
    ignorePattern: ["import [^']*'[^']*'"],
    path: folders,
    silent: true,
  }).finally(() => {
    Error.stackTraceLimit = stackTraceLimit
  })
  /* eslint-enable unicorn/no-nonstandard-builtin-properties */
  const at = ({sourceId, start}: Place): string => `${path.relative(root, sourceId)}:${start.line}`
  return found.map(({duplicationA, duplicationB}) => `${at(duplicationA)} and ${at(duplicationB)}`)
}
