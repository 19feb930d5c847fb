/** What the folders promise, read from the sources themselves. */
import {existsSync, readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import {describe, expect, it} from 'vitest'

import {TOOL_VERSION} from '../src/model/version.js'
import {root} from './support/root.js'

/** Rooms of src by floor, from the ground up, then those beside src: a file imports, types too, only from its own room and from floors below. */
const FLOORS: readonly string[][] = [
  ['model'],
  ['codec'],
  ['platform'],
  ['store', 'weaviate'],
  ['archive', 'flow', 'work'],
  ['catalog'],
  ['jobs'],
  ['config', 'testing'],
  ['src', 'cli'],
  ['hooks'],
  ['commands'],
]
/** Jobs by floor, `workers` below them all: one imports another's functions, never its manager. */
const JOBS: readonly string[] = [
  'workers',
  'backup',
  'backup-copy',
  'doctor',
  'inspect',
  'verify',
  'restore',
  'copy',
  'clear',
  'replace',
  'machines',
]
/** What only some rooms may import: hashes and compression, which the embedded server has as its own. */
const BUILTINS: ReadonlySet<string> = new Set(['crypto', 'node:crypto', 'node:zlib', 'zlib'])
const OWN_BUILTINS: ReadonlySet<string> = new Set(['platform', 'testing'])
/** The one class of a place on a disk, and the two files that name it: who makes one, and who lets others. */
const LOCAL_STORE = 'src/store/local/store.ts'
const KNOWS_LOCAL_STORE: ReadonlySet<string> = new Set(['src/index.ts', 'src/store/open.ts'])
/** The doors: they may import what they open. */
const DOORS = new Set(['src/codec/index.ts', 'src/index.ts', 'src/testing/index.ts'])
/** Of `process`, what neither prints nor reads the environment. */
const HARMLESS = new Set(['getuid', 'kill', 'off', 'on', 'pid', 'platform'])

interface Source {
  /** Where it uses `console`, or `process` in a way that is not harmless. */
  ambient: string[]
  file: string
  folder: string
  /** Specifiers that are there when it runs: all but `import type` and `export type`. */
  imports: string[]
  /** Those of them that are there before it runs: none of an `import()`. */
  loaded: string[]
  /** Whether it says `new LocalStore`. */
  makesLocalStore: boolean
  /** All specifiers, those of types too. */
  named: string[]
}

const sources = readFolders('src', 'commands', 'hooks')
const core = [...sources.values()].filter(
  ({file, folder}) => file.startsWith('src/') && !['cli', 'config'].includes(folder),
)

describe('rooms', () => {
  it('are all on a floor', () => {
    expect(new Set([...sources.values()].map(({folder}) => folder))).toEqual(new Set(FLOORS.flat()))
    expect(scan('src/attic/x.ts', '').folder).toBe('attic')
    const jobs = [...sources.keys()].flatMap((file) => /^src\/jobs\/([^/]+)\//.exec(file)?.[1] ?? [])
    expect(new Set(jobs)).toEqual(new Set(JOBS))
  })

  it('import from floors below only, types too', () => {
    expect([...sources.values()].flatMap((source) => upwards(source))).toEqual([])
    const planted = scan(
      'src/codec/x.ts',
      "import type {Store} from '../store/store.js'\nimport {a} from '../model/a.js'",
    )
    expect(upwards(planted)).toEqual(['src/codec/x.ts imports src/store/store.ts'])
    const inTypes = scan(
      'src/codec/x.ts',
      "let a: import('../store/store.js').Store\nexport type {b} from '../flow/b.js'",
    )
    expect(upwards(inTypes)).toEqual([
      'src/codec/x.ts imports src/store/store.ts',
      'src/codec/x.ts imports src/flow/b.ts',
    ])
    const late = scan(
      'src/archive/x.ts',
      "const a = await import('../catalog/a.js')\nexport * from '../jobs/options.js'",
    )
    expect(upwards(late)).toEqual([
      'src/archive/x.ts imports src/catalog/a.ts',
      'src/archive/x.ts imports src/jobs/options.ts',
    ])
    // Two rooms of one floor do not know of each other.
    expect(upwards(scan('src/store/x.ts', "import type {a} from '../weaviate/a.js'"))).toHaveLength(1)
  })

  it('of jobs: stand on each other in one order, and never on a manager', () => {
    expect([...sources.values()].flatMap((source) => betweenJobs(source))).toEqual([])
    const planted = scan(
      'src/jobs/backup/x.ts',
      "import {a} from '../restore/a.js'\nimport {b} from './plan.js'\nimport {c} from '../options.js'",
    )
    expect(betweenJobs(planted)).toEqual(['src/jobs/backup/x.ts imports src/jobs/restore/a.ts'])
    const manager = scan('src/jobs/clear/x.ts', "import type {BackupManager} from '../backup/manager.js'")
    expect(betweenJobs(manager)).toEqual(['src/jobs/clear/x.ts imports src/jobs/backup/manager.ts'])
    expect(betweenJobs(scan('src/jobs/doctor/x.ts', "import {a} from '../clear/a.js'"))).toHaveLength(1)
  })

  it('have no circle between files', () => {
    expect(circles(sources)).toEqual([])
    const planted = new Map(
      [
        ['src/model/a.ts', "import {b} from './b.js'"],
        ['src/model/b.ts', "import type {a} from './a.js'"],
      ].map(([file, text]) => [file!, scan(file!, text!)]),
    )
    expect(circles(planted)).toEqual(['src/model/a.ts → src/model/b.ts → src/model/a.ts'])
    const beside = readFolders('test', 'bench')
    expect(beside.size).toBeGreaterThan(300)
    expect(circles(beside)).toEqual([])
  })

  it('keep node:crypto and node:zlib in src/platform, and the making of a LocalStore in src/store/open.ts', () => {
    expect([...sources.values()].flatMap((source) => strays(source))).toEqual([])
    const planted = scan('src/archive/x.ts', "import {createHash} from 'node:crypto'\nconst s = new LocalStore('x')")
    expect(strays(planted)).toEqual(['src/archive/x.ts imports node:crypto', 'src/archive/x.ts makes a LocalStore'])
    const zlib = scan('src/codec/x.ts', "import type {Gzip} from 'zlib'\nconst z = await import('node:zlib')")
    expect(strays(zlib)).toEqual(['src/codec/x.ts imports zlib', 'src/codec/x.ts imports node:zlib'])
    const renamed = scan(
      'src/catalog/x.ts',
      "import {LocalStore as Folder} from '../store/local/store.js'\nnew Folder('x')",
    )
    expect(strays(renamed)).toEqual(['src/catalog/x.ts imports src/store/local/store.ts'])
  })

  it('leave the embedded server to tests, and each command to itself', () => {
    expect([...sources.values()].flatMap((source) => intoClosedRooms(source))).toEqual([])
    const planted = scan(
      'commands/x.ts',
      "import {a} from '../src/testing/a.js'\nimport {b} from './backup/list.js'\nimport {c} from '../src/cli/c.js'",
    )
    expect(intoClosedRooms(planted)).toEqual([
      'commands/x.ts imports src/testing/a.ts',
      'commands/x.ts imports commands/backup/list.ts',
    ])
  })

  const packagesOf = (...files: string[]): string[] => {
    const imports = reach(files, ({loaded}) => loaded).flatMap(({loaded}) => loaded)
    return [...new Set(imports)].filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
  }

  it('load no package but oclif for the help of a command: what it does is imported once it runs', () => {
    const commands = [...sources.keys()].filter((file) => /^(?:commands|hooks)\//.test(file))
    expect(packagesOf(...commands)).toEqual(['@oclif/core'])
    expect(packagesOf('src/weaviate/same-server.ts')).toContain('@bufbuild/protobuf/wire')
  })

  it('load for a job, and each of its threads, no format, cloud or key, and nothing of the embedded server', () => {
    const managers = [...sources.keys()].filter((file) => /^src\/jobs\/\w+\/manager\.ts$/.test(file))
    const packages = packagesOf('src/worker.ts', ...managers).map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)![0])
    expect([...new Set(packages)].sort()).toEqual([
      '@bufbuild/protobuf',
      '@marcbachmann/cel-js',
      '@noble/hashes',
      'fflate',
      'proxy-from-env',
    ])
  })

  it('keep the codecs portable: nothing that they reach imports node:', () => {
    const reached = reach(
      [...sources.keys()].filter((file) => file.startsWith('src/codec/')),
      ({imports}) => imports,
    )
    expect(reached.map(({file}) => file)).toContain('src/model/schema.ts')
    expect(reached.flatMap((source) => fromNode(source))).toEqual([])
    const planted = scan('src/codec/x.ts', "import {Buffer} from 'node:buffer'\nimport type {a} from 'node:fs'")
    expect(fromNode(planted)).toEqual(['src/codec/x.ts imports node:buffer'])
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

it('is described as it is: every file that docs/architecture.md names is there', () => {
  const text = readFileSync(path.join(root, 'docs', 'architecture.md'), 'utf8')
  const named = [...text.matchAll(/`((?:src|test|commands|hooks)\/[\w./-]+)`/g)].map((match) => match[1]!)
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter((name) => !existsSync(path.join(root, name)))).toEqual([])
})

it('says of each runtime dependency what it is for', () => {
  const text = readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('|'))
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
    peerDependencies: Record<string, string>
  }
  const needed = Object.keys({...manifest.dependencies, ...manifest.peerDependencies})
  expect(needed.length).toBeGreaterThan(15)
  expect(needed.filter((name) => rows.every((row) => !row.split('|', 2)[1]!.includes(`\`${name}\``)))).toEqual([])
})

it('writes the version of package.json into backups', () => {
  expect(TOOL_VERSION).toBe(
    (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {version: string}).version,
  )
})

/** By their paths. */
function readFolders(...folders: string[]): Map<string, Source> {
  const files = folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), {recursive: true, encoding: 'utf8'})
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name.replaceAll(path.sep, '/')}`),
  )
  return new Map(files.map((file) => [file, read(file)]))
}

function read(file: string): Source {
  return scan(file, readFileSync(path.join(root, file), 'utf8'))
}

function scan(file: string, text: string): Source {
  const ambient: string[] = []
  const imports: string[] = []
  const loaded: string[] = []
  const named: string[] = []
  let makesLocalStore = false
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) look(node)
    const specifier = specifierOf(node)
    if (specifier) imports.push((specifier as ts.StringLiteral).text)
    if (specifier && !ts.isCallExpression(node)) loaded.push((specifier as ts.StringLiteral).text)
    const any = specifier ?? typeSpecifierOf(node)
    if (any) named.push((any as ts.StringLiteral).text)
    if (ts.isNewExpression(node) && node.expression.getText() === 'LocalStore') makesLocalStore = true
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
  return {ambient, file, folder: folderOf(file), imports, loaded, makesLocalStore, named}
}

/** Where an import leads that is there when the file runs. */
function specifierOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly ? undefined : node.moduleSpecifier
  if (ts.isExportDeclaration(node)) return node.isTypeOnly ? undefined : node.moduleSpecifier
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return undefined
  // What is known only when it runs leads out of here: a module of the user's.
  const [specifier] = node.arguments
  return specifier && ts.isStringLiteralLike(specifier) ? specifier : undefined
}

/** Where an import of types alone leads. */
function typeSpecifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal
  return ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? node.moduleSpecifier : undefined
}

function floorOf(file: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(folderOf(file)))
}

/** Files of this project that a file names, types too. */
function neighbours({file, named}: Source): string[] {
  return named.filter((specifier) => specifier.startsWith('.')).map((specifier) => resolve(file, specifier))
}

function upwards(source: Source): string[] {
  const {file, folder} = source
  if (DOORS.has(file)) return []
  return neighbours(source)
    .filter((target) => DOORS.has(target) || (folderOf(target) !== folder && floorOf(target) >= floorOf(file)))
    .map((target) => `${file} imports ${target}`)
}

function betweenJobs(source: Source): string[] {
  const job = JOBS.indexOf(source.file.split('/', 3)[2]!)
  if (source.folder !== 'jobs' || job === -1) return []
  return neighbours(source)
    .filter((target) => folderOf(target) === 'jobs')
    .filter((target) => {
      const other = JOBS.indexOf(target.split('/', 3)[2]!)
      return other > job || (other !== -1 && other !== job && target.endsWith('/manager.ts'))
    })
    .map((target) => `${source.file} imports ${target}`)
}

function strays(source: Source): string[] {
  const {file, folder, makesLocalStore, named} = source
  const builtins = named.filter((name) => BUILTINS.has(name))
  const knows = neighbours(source).includes(LOCAL_STORE) && !KNOWS_LOCAL_STORE.has(file)
  return [
    ...(OWN_BUILTINS.has(folder) ? [] : builtins.map((name) => `${file} imports ${name}`)),
    ...(makesLocalStore && file !== 'src/store/open.ts' ? [`${file} makes a LocalStore`] : []),
    ...(knows ? [`${file} imports ${LOCAL_STORE}`] : []),
  ]
}

function intoClosedRooms(source: Source): string[] {
  return neighbours(source)
    .filter((target) => ['commands', 'testing'].includes(folderOf(target)))
    .filter((target) => source.folder !== 'testing' || folderOf(target) !== 'testing')
    .map((target) => `${source.file} imports ${target}`)
}

function fromNode({file, imports}: Source): string[] {
  return imports.filter((name) => name.startsWith('node:')).map((name) => `${file} imports ${name}`)
}

/** The first circle that is found from each file on which no other was found. */
function circles(among: ReadonlyMap<string, Source>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, trail: string[]): void => {
    if (trail.includes(file)) {
      found.push([...trail.slice(trail.indexOf(file)), file].join(' → '))
      return
    }

    const source = among.get(file)
    if (!source || done.has(file)) return
    for (const next of neighbours(source)) visit(next, [...trail, file])
    done.add(file)
  }

  for (const file of among.keys()) visit(file, [])
  return found
}

function folderOf(file: string): string {
  const [top, ...rest] = file.split('/')
  return top === 'src' && rest.length > 1 ? rest[0]! : top!
}

function resolve(file: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts')
}

/** These files and all that they import, directly or not. */
function reach(files: readonly string[], importsOf: (source: Source) => readonly string[]): Source[] {
  const reached = new Map<string, Source>()
  const waiting = [...files]
  for (let file = waiting.pop(); file; file = waiting.pop()) {
    const source = sources.get(file)
    if (!source) throw new Error(`${file} is not there`)
    if (reached.has(file)) continue
    reached.set(file, source)
    waiting.push(
      ...importsOf(source)
        .filter((name) => name.startsWith('.'))
        .map((name) => resolve(source.file, name)),
    )
  }

  return [...reached.values()]
}
