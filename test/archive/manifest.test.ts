import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {gunzipSync, gzipSync} from 'node:zlib'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {checkFiles, readManifest} from '../../src/archive/manifest.js'
import {DataOpsError} from '../../src/model/errors.js'
import {LocalStore} from '../../src/store/local/store.js'
import {type SealedBackup, type SealedBackupOptions, sha256, writeSealedBackup} from '../support/sealed-backup.js'

let folder: string
let store: LocalStore

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'data-ops-manifest-'))
  store = new LocalStore(folder)
})

afterEach(async () => {
  await rm(folder, {recursive: true})
})

async function failure(name: string, isUnsealedAccepted = false, from: Store = store): Promise<DataOpsError> {
  try {
    await readManifest(from, name, {acceptUnsealed: isUnsealedAccepted})
  } catch (error) {
    if (error instanceof DataOpsError) return error
    throw error
  }

  throw new Error(`${name} was read`)
}

/** The file that holds head and seal. */
function documentOf(backup: SealedBackup): string {
  return backup.metadata.options.format === 'json' ? backup.file : path.join(backup.file, 'metadata.json')
}

async function edit(file: string, edited: (bytes: Buffer) => Buffer | string): Promise<void> {
  await writeFile(file, edited(await readFile(file)))
}

/** Puts a value where a path like `parts.0.rows` leads to; undefined leaves the member out. */
function changeSeal(seal: Record<string, unknown>, member: string, value: unknown): void {
  const names = member.split('.')
  const last = names.pop() ?? ''
  let target = seal
  for (const name of names) target = target[name] as Record<string, unknown>
  target[last] = value
}

const KINDS: Array<[string, SealedBackupOptions]> = [
  ['document', {}],
  ['gzipped document', {compress: true}],
  ['directory', {format: 'parquet'}],
  ['directory of parts', {format: 'arrow', objects: 10, parts: 3}],
]

describe.each(KINDS)('the manifest of a %s', (title, options) => {
  it('is what was sealed', async () => {
    const backup = await writeSealedBackup(folder, {
      ...options,
      tenants: [
        {digest: 'a'.repeat(64), name: 'T', object_count: 3},
        {name: 'U', skipped: 'offloaded'},
      ],
    })
    const manifest = await readManifest(store, backup.name)
    expect(manifest).toMatchObject({
      compressed: title === 'gzipped document',
      kind: title.includes('directory') ? 'directory' : 'document',
      metadata: backup.metadata,
      name: backup.name,
      schema: backup.schema,
      seal: backup.seal,
    })
    expect(manifest.unsealed).toBeUndefined()
    let bytes = 0
    if (manifest.kind === 'document') bytes = (await stat(backup.file)).size
    else for (const entry of await store.list(backup.name)) bytes += entry.bytes
    expect(manifest.bytes).toBe(bytes)
    await checkFiles(store, manifest)
  })

  it('may have no objects, or a head of megabytes', async () => {
    const tenants = Array.from({length: 12_000}, (_, index) => ({
      name: `tenant-${index}-${'x'.repeat(60)}`,
      status: 'HOT',
    }))
    const sealed = tenants.map(({name}) => ({digest: '0'.repeat(64), name, object_count: 0}))
    const backup = await writeSealedBackup(folder, {...options, metadata: {tenants}, objects: 0, tenants: sealed})
    const manifest = await readManifest(store, backup.name)
    expect(manifest.metadata.tenants).toHaveLength(12_000)
    expect(manifest.seal.tenants).toHaveLength(12_000)
    expect(manifest.seal.object_count).toBe(0)
  })

  it('is refused wherever it is cut off', async () => {
    const backup = await writeSealedBackup(folder, options)
    const file = documentOf(backup)
    const whole = await readFile(file)
    for (let length = whole.length - 1; length >= 0; length -= Math.max(1, Math.floor(whole.length / 100))) {
      await writeFile(file, whole.subarray(0, length))
      // Without its last line end it is still whole, for those who do not ask for a seal.
      for (const isUnsealedAccepted of length === whole.length - 1 ? [false] : [false, true]) {
        const {code} = await failure(backup.name, isUnsealedAccepted)
        expect(['BACKUP_DAMAGED', 'NOT_A_BACKUP'], `at ${length}`).toContain(code)
        // With a head there is no doubt that it was a backup.
        if (length > 800 && !options.compress) expect(code, `at ${length}`).toBe('BACKUP_DAMAGED')
      }
    }
  })

  it('is refused when one bit of its seal is another, or of a directory any', async () => {
    const backup = await writeSealedBackup(folder, options)
    const file = documentOf(backup)
    const whole = await readFile(file)
    const manifest = await readManifest(store, backup.name)
    const sealStart = options.compress ? manifest.seal.compressed?.bytes : manifest.seal.document.bytes
    const from = manifest.kind === 'directory' ? 0 : (sealStart ?? 0)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({max: whole.length - 1, min: from}),
        fc.integer({max: 7, min: 0}),
        async (at, bit) => {
          const flipped = Buffer.from(whole)
          flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
          await writeFile(file, flipped)
          const {code} = await failure(backup.name)
          expect(['BACKUP_DAMAGED', 'NOT_A_BACKUP']).toContain(code)
          if (at >= (sealStart ?? 0)) expect(code).toBe('BACKUP_DAMAGED')
        },
      ),
      {numRuns: 150},
    )
  })

  it('says damaged when something was added or taken before the seal', async () => {
    const backup = await writeSealedBackup(folder, options)
    const manifest = await readManifest(store, backup.name)
    const at = (options.compress ? manifest.seal.compressed : manifest.seal.document)?.bytes ?? 0
    const extra = options.compress ? gzipSync(' ') : Buffer.from('\n')
    await edit(documentOf(backup), (bytes) => Buffer.concat([bytes.subarray(0, at), extra, bytes.subarray(at)]))
    expect(await failure(backup.name)).toMatchObject({code: 'BACKUP_DAMAGED'})
  })

  it('is refused in another major version, and read in another minor one', async () => {
    for (const version of ['2.0', '10.0', '0.9']) {
      const backup = await writeSealedBackup(folder, {...options, metadata: {version}})
      const error = await failure(backup.name)
      expect(error.code).toBe('NOT_A_BACKUP')
      expect(error.message).toContain(version)
    }

    const backup = await writeSealedBackup(folder, {...options, metadata: {invented: {later: 1}, version: '1.7'}})
    expect((await readManifest(store, backup.name)).metadata.version).toBe('1.7')
    for (const version of [undefined, 1, '', 'x\n'.repeat(99)]) {
      const odd = await writeSealedBackup(folder, {...options, metadata: {version}})
      expect(await failure(odd.name)).toMatchObject({code: 'NOT_A_BACKUP'})
    }

    // Another version may seal in another way: the version is what is said.
    const other = await writeSealedBackup(folder, {...options, metadata: {version: '3.0'}})
    await edit(documentOf(other), (bytes) => bytes.subarray(0, -3))
    expect((await failure(other.name)).message).toContain('3.0')
  })

  it('is refused, member by member, when it is not what the format says', async () => {
    const isDirectory = title.includes('directory')
    const uuid = '00000000-0000-4000-8000-000000000000'
    const metadata: Array<Record<string, unknown>> = [
      {backup_id: '../../x'},
      {collection: '../Docs'},
      {collection: 'Other'},
      {run_id: 1},
      {timestamp: 'yesterday'},
      {timestamp: '2024-02-01T10:30:00'},
      {tool_version: null},
      {weaviate_version: {}},
      {options: null},
      {options: {compress: false, format: isDirectory ? 'json' : 'parquet', include_data: true}},
      {options: {compress: 'no', format: 'json', include_data: true}},
      {tenants: [{name: 'T', status: 'WARM'}]},
      {tenants: {}},
      {aliases: [1]},
      {columns: [{name: 'id', role: 'king'}]},
      {server: 1},
      {server: ''},
      {server: 'http://prod\u{1B}[2J'},
    ]
    for (const wrong of metadata) {
      const backup = await writeSealedBackup(folder, {...options, metadata: wrong})
      expect(await failure(backup.name), JSON.stringify(wrong)).toMatchObject({code: 'BACKUP_DAMAGED'})
      await rm(backup.file, {recursive: true})
    }

    const seals: Array<[path: string, value: unknown]> = [
      ['object_count', -1],
      ['object_count', 1.5],
      ['object_count', 2 ** 53],
      ['object_count', '3'],
      ['object_count', 99],
      ['digest', 'A'.repeat(64)],
      ['finished', 1],
      ['parts', null],
      ['parts.0.rows', 99],
      ['parts.0.bytes', Number.MAX_SAFE_INTEGER + 1],
      ['parts.0.sha256', ''],
      ['parts.0.file', isDirectory ? null : 'objects.parquet'],
      ['parts.0.first_id', 'x'],
      ['parts.1', {bytes: 0, file: isDirectory ? `OBJECTS.${options.format}` : null, rows: 0, sha256: 'a'.repeat(64)}],
      ['statistics', []],
      ['statistics.rows', 1e300],
      ['document', {bytes: 1}],
      ['document.sha256', 5],
      ['amendments', [['T', uuid]]],
      ['amendments', [[1, uuid, 0]]],
      ['amendments', [[null, 'x', 0]]],
      ['amendments', {}],
      ['tenants', [{name: 'T'}]],
      ['tenants', [{digest: 'x', name: 'T', object_count: 1}]],
      [options.compress ? 'compressed.bytes' : 'document.bytes', 5],
    ]
    if (isDirectory) {
      const files = [
        '../x',
        '/etc/passwd',
        'a/b',
        '..',
        '.',
        '',
        'a\0b',
        'C:x',
        'metadata.json',
        'SCHEMA.json',
        '.x',
        5,
      ]
      for (const file of [...files, String.raw`a\b`]) seals.push(['parts.0.file', file])
      seals.push(['schema_sha256', undefined], ['document.sha256', 'a'.repeat(64)])
    }

    if (options.compress) seals.push(['compressed', undefined])
    for (const [member, value] of seals) {
      const backup = await writeSealedBackup(folder, {
        ...options,
        parts: 1,
        seal(seal) {
          changeSeal(seal, member, value)
        },
      })
      expect(await failure(backup.name), `${member} ${String(value)}`).toMatchObject({code: 'BACKUP_DAMAGED'})
      await rm(backup.file, {recursive: true})
    }
  })

  it('reads amendments', async () => {
    const id = '00000000-0000-4000-8000-000000000000'
    const amendments = [
      [null, id, 2],
      ['T', id, 3],
    ]
    const backup = await writeSealedBackup(folder, {
      ...options,
      seal(seal) {
        seal.amendments = amendments
      },
    })
    expect((await readManifest(store, backup.name)).seal.amendments).toEqual(amendments)
  })

  it('carries names that mean something to JavaScript harmlessly', async () => {
    const metadata = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>
    const schema = JSON.parse('{"vectorConfig":{"__proto__":{"vectorizer":{}}}}') as Record<string, never>
    const backup = await writeSealedBackup(folder, {
      ...options,
      metadata: Object.fromEntries(Object.entries(metadata)),
      schema,
      seal(seal) {
        Object.defineProperty(seal, '__proto__', {enumerable: true, value: {polluted: true}})
      },
    })
    expect(
      await readFile(documentOf(backup)).then((bytes) =>
        (options.compress ? gunzipSync(bytes) : bytes).includes('"__proto__":{"polluted"'),
      ),
    ).toBe(true)
    const manifest = await readManifest(store, backup.name)
    for (const value of [manifest.metadata, manifest.schema, manifest.seal, {}]) {
      expect((value as {polluted?: boolean}).polluted).toBeUndefined()
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    }

    expect(Object.keys(manifest.schema.vectorConfig ?? {})).toEqual(['__proto__'])
  })
})

describe('a backup', () => {
  it('that was compressed and is not any more is still one', async () => {
    const backup = await writeSealedBackup(folder, {compress: true})
    const plain = backup.name.replace('.gz', '')
    await writeFile(path.join(folder, plain), gunzipSync(await readFile(backup.file)))
    const manifest = await readManifest(store, plain)
    expect(manifest).toMatchObject({compressed: false, metadata: {backup_id: backup.id}})
  })

  it('that another program compressed is not found out from its end', async () => {
    const backup = await writeSealedBackup(folder)
    const name = `${backup.name}.gz`
    await writeFile(path.join(folder, name), gzipSync(await readFile(backup.file)))
    expect(await failure(name)).toMatchObject({code: 'BACKUP_DAMAGED'})
    // Nothing is wrong with it but its seal.
    expect(await readManifest(store, name, {acceptUnsealed: true})).toMatchObject({compressed: true, unsealed: true})
  })

  it('in parts has them all, in full', async () => {
    const backup = await writeSealedBackup(folder, {format: 'parquet', objects: 10, parts: 3})
    const manifest = await readManifest(store, backup.name)
    const part = path.join(backup.file, 'objects-00002.parquet')
    const bytes = await readFile(part)
    for (const change of [
      async () => writeFile(part, Buffer.concat([bytes, bytes])),
      async () => rm(part),
      async () => mkdir(part),
    ]) {
      await change()
      await expect(checkFiles(store, manifest)).rejects.toMatchObject({
        code: 'BACKUP_DAMAGED',
        message: expect.stringContaining('objects-00002.parquet') as string,
      })
    }
  })

  it('is read without its objects', async () => {
    const backup = await writeSealedBackup(folder, {objects: 200_000})
    const counted = new CountingStore(folder)
    await readManifest(counted, backup.name)
    expect(backup.seal.document.bytes).toBeGreaterThan(10_000_000)
    expect(counted.bytes).toBeLessThan(300_000)
  })
})

class CountingStore extends LocalStore {
  bytes = 0

  override async openRead(name: string): ReturnType<Store['openRead']> {
    const reader = await super.openRead(name)
    const count = (bytes: number): void => {
      this.bytes += bytes
    }

    return {
      close: async () => reader.close(),
      async read(start, end) {
        count(end - start)
        return reader.read(start, end)
      },
      size: reader.size,
      stream(start = 0, end = reader.size) {
        count(end - start)
        return reader.stream(start, end)
      },
    }
  }
}

describe('what is not a backup', () => {
  it('is said to be what it looks like', async () => {
    const files: Record<string, [content: Buffer | string, says: RegExp]> = {
      'archive.zip': ['PK\u{3}\u{4}', /zip/],
      'array.json': ['[1,2]', /JSON/],
      'empty.json': ['', /empty/],
      'k8s.json': ['{"metadata":{"name":"x"},"spec":{}}', /JSON/],
      'objects.arrow': ['ARROW1\0\0', /Arrow/],
      'objects.parquet': ['PAR1....PAR1', /Parquet/],
      'no-objects.json': ['{"metadata":{"version":"1.0"},"schema":{"class":"X"}}', /JSON/],
      'other.json': ['{"a": {"objects": []}, "objects": [1]}', /JSON/],
      'other.json.gz': [gzipSync('{"a":1}'), /compressed/],
      'text.gz': [gzipSync('hello'), /compressed/],
      'text.txt': ['hello', /some other kind of file/],
    }
    for (const [name, [content, says]] of Object.entries(files)) {
      await writeFile(path.join(folder, name), content)
      for (const isUnsealedAccepted of [false, true]) {
        const error = await failure(name, isUnsealedAccepted)
        expect(error.code, name).toBe('NOT_A_BACKUP')
        expect(error.message).toMatch(says)
        expect(error.hint).toBeTruthy()
      }
    }

    await mkdir(path.join(folder, 'folder'))
    expect((await failure('folder')).message).toContain('metadata.json')
    expect((await failure('none.json')).message).toContain('does not exist')
    await symlink('/dev/zero', path.join(folder, 'zero'))
    expect(await failure('zero')).toMatchObject({code: 'NOT_A_BACKUP'})
    expect(await failure('../x')).toMatchObject({code: 'INVALID_INPUT'})
  })

  it('is unfinished when it is called so, and the finished name points to it', async () => {
    const backup = await writeSealedBackup(folder)
    await rename(backup.file, `${backup.file}.partial`)
    expect((await failure(`${backup.name}.partial`)).message).toContain('unfinished')
    expect((await failure(backup.name)).hint).toContain('unfinished')
  })

  it('is found out in bounded memory, however long it goes on', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('{"metadata":{"a":"'), Buffer.alloc(100 * 1024 * 1024, 'x')]))
    await writeFile(path.join(folder, 'bomb.json.gz'), bomb)
    expect(await failure('bomb.json.gz', true)).toMatchObject({code: 'NOT_A_BACKUP'})
    const deep = `{"metadata":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)},"schema":{},"objects":[\n`
    await writeFile(path.join(folder, 'deep.json'), deep)
    expect(await failure('deep.json', true)).toMatchObject({code: 'BACKUP_DAMAGED'})
    const wide = `{"metadata":[${'[],'.repeat(5_000_000)}[]],"schema":{},"objects":[\n`
    await writeFile(path.join(folder, 'wide.json'), wide)
    expect(await failure('wide.json')).toMatchObject({code: 'BACKUP_DAMAGED'})
    const line = `"seal":${'['.repeat(1_000_000)},"checksum":"`
    const seal = `${line.slice(0, -13)},"checksum":"${sha256(line.slice(0, -13))}"}}\n`
    const backup = await writeSealedBackup(folder)
    await edit(backup.file, (bytes) =>
      Buffer.concat([bytes.subarray(0, backup.seal.document.bytes), Buffer.from(seal)]),
    )
    expect(await failure(backup.name)).toMatchObject({code: 'BACKUP_DAMAGED'})
  })

  it('never ends in anything but a typed error, whatever the bytes', async () => {
    const backup = await writeSealedBackup(folder)
    const whole = await readFile(backup.file)
    const file = path.join(folder, 'fuzzed.json')
    const piece = fc.oneof(
      fc.uint8Array({maxLength: 40}),
      fc
        .constantFrom('{"metadata":', '"objects":[\n', '\n', '}}\n', '"seal":{', ',"checksum":"', '\u{1F}\u{8B}')
        .map((text) => Buffer.from(text, 'latin1')),
      fc.nat(whole.length).map((at) => whole.subarray(at, at + 100)),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length),
        fc.array(piece, {maxLength: 6}),
        fc.nat(whole.length),
        async (head, pieces, tail) => {
          await writeFile(file, Buffer.concat([whole.subarray(0, head), ...pieces, whole.subarray(tail)]))
          for (const isUnsealedAccepted of [false, true]) {
            try {
              await readManifest(store, 'fuzzed.json', {acceptUnsealed: isUnsealedAccepted})
            } catch (error) {
              expect(error).toBeInstanceOf(DataOpsError)
            }
          }
        },
      ),
      {numRuns: 150},
    )
  })
})

describe('a document without a seal', () => {
  const seed = {
    metadata: {
      collection: 'UserDocuments',
      options: {format: 'json', include_data: true},
      timestamp: '2024-02-01T10:30:00.123456',
      version: '1.0',
      weaviate_version: '1.23.0',
    },
    schema: {class: 'UserDocuments', properties: [{dataType: ['text'], name: 'objects'}]},
    objects: [{class: 'UserDocuments', id: '00000000-0000-4000-8000-000000000000', properties: {}}],
    object_count: 1,
  }
  const {metadata, schema} = seed
  const texts = {
    compact: JSON.stringify(seed),
    indented: JSON.stringify(seed, null, 2),
    'indented with tabs and CRLF': JSON.stringify(seed, null, '\t').replaceAll('\n', '\r\n'),
    'one object a line': `{"metadata":${JSON.stringify(metadata)},"schema":${JSON.stringify(schema)},"objects":[\n${JSON.stringify(seed.objects[0])}\n],"object_count":1}\n`,
    python: JSON.stringify(seed).replaceAll('":', '": ').replaceAll(',"', ', "'),
    'schema first': JSON.stringify({schema, metadata, objects: [], object_count: 0}),
  }

  it.each(Object.entries(texts))('is taken when asked for: %s', async (title, text) => {
    for (const isCompressed of [false, true]) {
      const name = isCompressed ? 'seed.json.gz' : 'seed.json'
      await writeFile(path.join(folder, name), isCompressed ? gzipSync(text) : text)
      const manifest = await readManifest(store, name, {acceptUnsealed: true})
      expect(manifest).toMatchObject({
        compressed: isCompressed,
        kind: 'document',
        metadata: {
          collection: 'UserDocuments',
          options: {compress: isCompressed, format: 'json', include_data: true},
          timestamp: '2024-02-01T10:30:00.123Z',
          weaviate_version: '1.23.0',
        },
        schema,
        unsealed: true,
      })
      expect(manifest.seal).toBeUndefined()
      expect(manifest.metadata.backup_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
      expect((await readManifest(store, name, {acceptUnsealed: true})).metadata.backup_id).toBe(
        manifest.metadata.backup_id,
      )
      const error = await failure(name)
      if (title === 'one object a line') expect(error.code).toBe('BACKUP_DAMAGED')
      else
        expect(error).toMatchObject({
          code: 'NOT_A_BACKUP',
          message: expect.stringContaining('no seal that holds') as string,
        })
    }
  })

  it('is taken as a folder', async () => {
    await mkdir(path.join(folder, 'seed'))
    await writeFile(path.join(folder, 'seed', 'metadata.json'), JSON.stringify({metadata, schema}, null, 2))
    await writeFile(path.join(folder, 'seed', 'objects.parquet'), 'PAR1')
    expect(await readManifest(store, 'seed', {acceptUnsealed: true})).toMatchObject({
      kind: 'directory',
      metadata: {options: {format: 'parquet'}},
      unsealed: true,
    })
    expect(await failure('seed')).toMatchObject({code: 'NOT_A_BACKUP'})
  })

  it('is also one that was sealed, and edited or formatted since', async () => {
    const backup = await writeSealedBackup(folder)
    const text = await readFile(backup.file, 'utf8')
    await writeFile(backup.file, JSON.stringify(JSON.parse(text), null, 2))
    expect(await failure(backup.name)).toMatchObject({code: 'NOT_A_BACKUP'})
    expect(await readManifest(store, backup.name, {acceptUnsealed: true})).toMatchObject({unsealed: true})
    await writeFile(backup.file, text.replace('"digest":"', '"digest":"0'))
    expect(await failure(backup.name)).toMatchObject({code: 'BACKUP_DAMAGED'})
    expect(await readManifest(store, backup.name, {acceptUnsealed: true})).toMatchObject({unsealed: true})
    // A seal that holds is read as one, also when unsealed ones would do.
    await writeFile(backup.file, text)
    const manifest = await readManifest(store, backup.name, {acceptUnsealed: true})
    expect(manifest.seal?.object_count).toBe(3)
    expect(manifest.unsealed).toBeUndefined()
  })

  it('needs a schema that is one', async () => {
    for (const wrong of [{class: '../x'}, {class: 'X', properties: {}}, {class: 'X', properties: [{name: 'a'}]}, {}]) {
      await writeFile(path.join(folder, 'seed.json'), JSON.stringify({...seed, schema: wrong}))
      expect(await failure('seed.json', true)).toMatchObject({code: 'BACKUP_DAMAGED'})
    }
  })
})
