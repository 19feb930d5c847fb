import {Buffer} from 'node:buffer'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {
  appendFile,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {Warning} from '../../src/model/progress.js'

import {readManifest} from '../../src/archive/manifest.js'
import {
  CATALOG_FILE,
  CATALOG_LOCK_FILE,
  checkpointName,
  rejectedName,
  removedName,
  targetLeaseName,
} from '../../src/archive/names.js'
import {BackupCatalog} from '../../src/catalog/catalog.js'
import {type CatalogEntry, entryOf} from '../../src/catalog/entry.js'
import {DataOpsError} from '../../src/model/errors.js'
import {overlay} from '../../src/model/overlay.js'
import {Lease} from '../../src/store/lease.js'
import {LocalStore} from '../../src/store/local/store.js'
import {SELF} from '../../src/store/process.js'
import {temporaryName} from '../../src/store/temporary-name.js'
import {programFile} from '../support/programs.js'
import {type SealedBackup, type SealedBackupOptions, writeSealedBackup} from '../support/sealed-backup.js'

let parent: string
let folder: string
let store: LocalStore
let catalog: BackupCatalog
let warnings: Warning[]

beforeEach(async () => {
  const prefix = path.join(tmpdir(), 'data-ops-catalog-')
  parent = await realpath(await mkdtemp(prefix))
  folder = path.join(parent, 'backups')
  store = new LocalStore(folder)
  warnings = []
  catalog = new BackupCatalog(store, {
    onWarning(warning) {
      warnings.push(warning)
    },
  })
})

afterEach(async () => {
  await rm(parent, {recursive: true})
})

async function entryFor(backup: SealedBackup): Promise<CatalogEntry> {
  return entryOf(await readManifest(store, backup.name))
}

/** Writes a sealed backup and registers it. */
async function back(options: SealedBackupOptions = {}): Promise<SealedBackup> {
  const backup = await writeSealedBackup(folder, options)
  await catalog.register(await entryFor(backup))
  return backup
}

/** The catalog over a disk that fails on some files, from the read `after` that many on. */
function withUnreadable(name: string, {after = 0, also = []}: {after?: number; also?: string[]} = {}): BackupCatalog {
  let reads = 0
  const failing = overlay(store, {
    async openRead(key: string) {
      if ([name, ...also].includes(key) && ++reads > after) {
        throw new DataOpsError('STORAGE', `Cannot read ${key}: EIO.`)
      }

      return store.openRead(key)
    },
  })
  return new BackupCatalog(failing, {
    onWarning(warning) {
      warnings.push(warning)
    },
  })
}

/** One backup a day, the oldest first. */
async function days(count: number, options: SealedBackupOptions = {}): Promise<SealedBackup[]> {
  const backups: SealedBackup[] = []
  for (let day = 1; day <= count; day++) {
    const backup = await back({startedAt: new Date(Date.UTC(2024, 1, day)), ...options})
    backups.push(backup)
  }

  return backups
}

async function statuses(): Promise<Record<string, string>> {
  const backups = await catalog.list()
  return Object.fromEntries(backups.map(({file, status}) => [file, status]))
}

async function onDisk(): Promise<CatalogEntry[]> {
  return JSON.parse(await readFile(path.join(folder, CATALOG_FILE), 'utf8')) as CatalogEntry[]
}

async function failure(work: Promise<unknown>): Promise<DataOpsError> {
  try {
    await work
  } catch (error) {
    if (error instanceof DataOpsError) return error
    throw error
  }

  throw new Error('It did not fail.')
}

describe('registering and listing', () => {
  it('starts with nothing, and creates nothing by looking', async () => {
    expect(await catalog.list()).toEqual([])
    expect(await catalog.find('abcd')).toBeUndefined()
    expect(await catalog.prune()).toEqual({kept: [], leftovers: [], reasons: {}, removed: [], unread: []})
    expect(await catalog.prune({}, {dryRun: true})).toEqual({
      kept: [],
      leftovers: [],
      reasons: {},
      removed: [],
      unread: [],
    })
    expect(await catalog.reindex()).toEqual({damaged: [], entries: [], unread: []})
    expect((await failure(catalog.remove('abcd'))).code).toBe('NOT_A_BACKUP')
    expect(await readdir(parent)).toEqual([])
  })

  it('takes a folder or a store', async () => {
    const backup = await back()
    expect(await new BackupCatalog(folder).list()).toMatchObject([{id: backup.id, status: 'sealed'}])
  })

  it('keeps what the seed keeps, and ours', async () => {
    const tenants = [
      {digest: '0'.repeat(64), name: 'T', object_count: 3},
      {name: 'U', skipped: 'offloaded'},
    ]
    const backup = await back({format: 'parquet', objects: 3, tenants})
    const manifest = await readManifest(store, backup.name)
    const [entry] = await onDisk()
    expect(entry).toEqual({
      collection: 'Docs',
      digest: backup.seal.digest,
      file: backup.name,
      format: 'parquet',
      id: backup.id,
      object_count: 3,
      run_id: backup.metadata.run_id,
      size: manifest.bytes,
      tenants: 1,
      timestamp: backup.metadata.timestamp,
    })
    expect(await catalog.list()).toEqual([{...entry, status: 'sealed'}])
  })

  it('lists the newest first, of one collection or of all', async () => {
    const [old, recent] = await days(2)
    const other = await back({collection: 'Other', startedAt: new Date('2024-02-01T12:00:00Z')})
    expect((await catalog.list()).map(({id}) => id)).toEqual([recent?.id, other.id, old?.id])
    expect((await catalog.list({collection: 'Docs'})).map(({id}) => id)).toEqual([recent?.id, old?.id])
    expect(await catalog.list({collection: 'None'})).toEqual([])
  })

  it('replaces the entry of the same file', async () => {
    const backup = await back()
    await catalog.register(await entryFor(backup))
    expect(await onDisk()).toHaveLength(1)
  })

  it('marks what vanished, what shrank, and what has no entry; unfinished and foreign files are none', async () => {
    const [gone, cut, folderGone, folderCut, kept] = [
      await back({startedAt: new Date('2024-02-01T01:00:00Z')}),
      await back({startedAt: new Date('2024-02-01T02:00:00Z')}),
      await back({format: 'parquet', startedAt: new Date('2024-02-01T03:00:00Z')}),
      await back({format: 'parquet', parts: 2, startedAt: new Date('2024-02-01T04:00:00Z')}),
      await back({format: 'arrow', startedAt: new Date('2024-02-01T05:00:00Z')}),
    ]
    const unlisted = await writeSealedBackup(folder, {compress: true})
    const unlistedFolder = await writeSealedBackup(folder, {
      format: 'parquet',
      startedAt: new Date('2024-02-01T06:00:00Z'),
    })
    const unfinished = await writeSealedBackup(folder, {startedAt: new Date('2024-02-01T07:00:00Z')})
    await rename(unfinished.file, `${unfinished.file}.partial`)
    await rm(gone.file)
    await rm(folderGone.file, {recursive: true})
    await appendFile(cut.file, 'x')
    await rm(path.join(folderCut.file, 'objects-00001.parquet'))
    // What a file manager leaves makes up for nothing.
    await writeFile(path.join(folderCut.file, '.DS_Store'), Buffer.alloc(100_000))
    await writeFile(path.join(kept.file, '.DS_Store'), 'x')
    await writeFile(path.join(folder, 'notes.json'), '{}')
    await writeFile(path.join(folder, 'Docs_2024-02-01_999999.json'), '{}')
    await writeFile(path.join(folder, 'Docs_2024-02-01_080000.json'), '{"metadata":{},"no backup":1}')
    await mkdir(path.join(folder, 'Docs_2024-02-01_090000'))
    const expected = {
      [cut.name]: 'damaged',
      [folderCut.name]: 'damaged',
      [folderGone.name]: 'missing',
      [gone.name]: 'missing',
      [kept.name]: 'sealed',
      [unlisted.name]: 'unlisted',
      [unlistedFolder.name]: 'unlisted',
    }
    const before = await readFile(path.join(folder, CATALOG_FILE))
    expect(await statuses()).toEqual(expected)
    expect((await readFile(path.join(folder, CATALOG_FILE))).equals(before)).toBe(true)
    expect(warnings).toEqual([])
  })

  it('refuses an entry that is none', async () => {
    const backup = await back()
    const entry = await entryFor(backup)
    for (const wrong of [
      {file: '../x'},
      {file: 'notes.json'},
      {id: 'x'},
      {object_count: -1},
      {size: NaN},
      {timestamp: ''},
    ]) {
      expect((await failure(catalog.register({...entry, ...wrong}))).code).toBe('INVALID_INPUT')
    }

    expect(await onDisk()).toHaveLength(1)
  })
})

describe('finding', () => {
  it('goes by id, by four or more characters of it, by name and by path', async () => {
    const one = await back({id: 'aaaabbbb-0000-4000-8000-000000000001', startedAt: new Date('2024-02-01T01:00:00Z')})
    const two = await back({format: 'parquet', id: 'aaaacccc-0000-4000-8000-000000000002'})
    for (const reference of [
      two.id,
      two.id.toUpperCase(),
      'aaaac',
      two.name,
      two.file,
      `${two.file}/`,
      path.relative(process.cwd(), two.file),
    ]) {
      expect(await catalog.find(reference), reference).toMatchObject({id: two.id})
    }

    expect(await catalog.find('aaaab')).toMatchObject({id: one.id})
    for (const reference of ['aaa', 'aaaad', 'Docs', '', '*', '..', `/elsewhere/${two.name}`]) {
      expect(await catalog.find(reference), reference).toBeUndefined()
    }

    const error = await failure(catalog.find('aaaa'))
    expect(error).toMatchObject({code: 'INVALID_INPUT', details: {ids: [two.id, one.id]}})
  })

  it('finds what has no entry, and prefers what has one to its copy', async () => {
    const backup = await back()
    await cp(backup.file, path.join(folder, 'Docs_2024-02-01_103000-2.json'))
    expect(await catalog.find(backup.id)).toMatchObject({file: backup.name, status: 'sealed'})
    expect(await catalog.find(backup.id.slice(0, 8))).toMatchObject({file: backup.name, status: 'sealed'})
    expect(await catalog.find('Docs_2024-02-01_103000-2.json')).toMatchObject({id: backup.id, status: 'unlisted'})
  })
})

describe('removing', () => {
  it('leaves what a dropped collection may be made again from, and everything beside a note that nobody understands', async () => {
    const [dropped, replaced, other] = [
      await back(),
      await back({format: 'parquet'}),
      await back({startedAt: new Date('2024-02-02')}),
    ]
    await writeFile(path.join(folder, '.drop-Docs.json'), JSON.stringify({backup: dropped.name, server: 'x'}))
    const note = {backup: other.id, earlier: [store.describe(replaced.name)], saved: '/elsewhere', server: 'x'}
    await writeFile(path.join(folder, '.replace-Docs.json'), JSON.stringify(note))
    for (const {name} of [dropped, replaced]) {
      expect(await failure(catalog.remove(name))).toMatchObject({code: 'STORAGE', details: {kept: name}})
    }

    const {kept} = await catalog.prune({keepLast: 0, keepWithin: '1h'})
    expect(kept.map(({file}) => file)).toEqual(expect.arrayContaining([dropped.name, replaced.name]))
    expect(await catalog.remove(other.name)).toMatchObject({file: other.name})
    await writeFile(path.join(folder, '.drop-Docs.json'), '{"backup":')
    await rm(path.join(folder, '.replace-Docs.json'))
    expect(await failure(catalog.remove(replaced.name))).toMatchObject({code: 'STORAGE'})
    await rm(path.join(folder, '.drop-Docs.json'))
    for (const {name} of [dropped, replaced]) await catalog.remove(name)
    expect(await catalog.list()).toEqual([])
  })

  it('takes the files and the entry, and nothing else', async () => {
    const document = await back()
    const directory = await back({format: 'parquet', parts: 3})
    const other = await back({startedAt: new Date('2024-02-02')})
    for (const {name} of [document, directory, other]) {
      await writeFile(path.join(folder, checkpointName(name, 'Docs')), '')
      await writeFile(path.join(folder, rejectedName(name, 'Docs')), '')
    }

    // Restores that wait to be continued.
    for (const {name} of [document, directory]) {
      const before = await readdir(folder)
      const error = await failure(catalog.remove(name))
      expect(error).toMatchObject({code: 'STORAGE', details: {kept: name}})
      expect(error.message).toContain(`a restore of it waits to be continued (${checkpointName(name, 'Docs')})`)
      expect(await readdir(folder)).toEqual(before)
      await rm(path.join(folder, checkpointName(name, 'Docs')))
    }

    expect(await catalog.remove(document.id)).toMatchObject({file: document.name})
    expect(await catalog.remove(directory.name)).toMatchObject({file: directory.name})
    expect(await readdir(folder)).toEqual(
      [
        CATALOG_FILE,
        rejectedName(document.name, 'Docs'),
        rejectedName(directory.name, 'Docs'),
        other.name,
        checkpointName(other.name, 'Docs'),
        rejectedName(other.name, 'Docs'),
      ].toSorted(),
    )
    expect(await onDisk()).toMatchObject([{id: other.id}])
    expect((await failure(catalog.remove(document.id))).code).toBe('NOT_A_BACKUP')
  })

  it('drops the entry of what is missing, and removes what has none', async () => {
    const gone = await back()
    await rm(gone.file)
    expect(await catalog.remove(gone.id)).toMatchObject({status: 'missing'})
    expect(await onDisk()).toEqual([])
    const unlisted = await writeSealedBackup(folder)
    await catalog.remove(unlisted.id)
    expect(await catalog.list()).toEqual([])
  })

  it('leaves a folder alone that holds other files as well', async () => {
    const backup = await back({format: 'parquet'})
    await writeFile(path.join(backup.file, 'thesis.txt'), 'x')
    const error = await failure(catalog.remove(backup.id))
    expect(error).toMatchObject({code: 'STORAGE', details: {files: ['thesis.txt']}})
    expect(await readdir(backup.file)).toHaveLength(4)
    expect(await statuses()).toEqual({[backup.name]: 'sealed'})
  })
})

describe('pruning', () => {
  it('keeps the last five of each collection unless told', async () => {
    const backups = await days(7)
    const others = await days(2, {collection: 'Other', format: 'parquet'})
    const dry = await catalog.prune({}, {dryRun: true})
    expect(dry.removed.map(({id}) => id)).toEqual([backups[1]?.id, backups[0]?.id])
    expect(await catalog.list()).toHaveLength(9)
    const pruned = await catalog.prune()
    expect(pruned).toEqual(dry)
    expect(pruned.kept).toHaveLength(7)
    expect(pruned.reasons[others[0]?.name ?? '']).toEqual(['one of the last 5'])
    expect(await onDisk()).toHaveLength(7)
    expect((await readdir(folder)).filter((name) => name.startsWith('Docs_'))).toHaveLength(5)
    expect((await catalog.prune()).removed).toEqual([])
  })

  it('touches one collection only when told', async () => {
    await days(3)
    await days(3, {collection: 'Other', format: 'parquet'})
    await catalog.prune({keepLast: 1}, {collection: 'Other'})
    expect(await catalog.list({collection: 'Docs'})).toHaveLength(3)
    expect(await catalog.list({collection: 'Other'})).toHaveLength(1)
  })

  it('counts sealed backups without entries, and removes them too', async () => {
    const [old] = await days(1)
    const recent = await writeSealedBackup(folder, {startedAt: new Date('2024-02-05')})
    const {kept, removed} = await catalog.prune({keepLast: 1})
    expect(removed).toMatchObject([{id: old?.id}])
    expect(kept).toMatchObject([{id: recent.id, status: 'unlisted'}])
  })

  it.each([
    ['cut off', async (file: string) => writeFile(file, (await readFile(file)).subarray(0, -10))],
    [
      'edited',
      async (file: string) =>
        writeFile(
          file,
          (await readFile(file, 'utf8'))
            .replace('"digest":"', '"digest":"0')
            .replace('"tool_version":"0.1.0"', '"tool_version":"0.1."'),
        ),
    ],
    ['replaced', async (file: string) => writeFile(file, '{}')],
    ['gone', async (file: string) => rm(file)],
  ])('never removes the last good one: the newest was %s', async (_title, spoil) => {
    const backups = await days(4)
    const [good, bad] = backups.slice(-2)
    await spoil(bad?.file ?? '')
    const {kept, removed} = await catalog.prune({keepLast: 1})
    expect(kept.map(({id}) => id)).toContain(good?.id)
    expect(removed.map(({id}) => id)).toEqual([backups[1]?.id, backups[0]?.id])
    await readManifest(store, good?.name ?? '')
  })

  it('never removes the last good one of a directory with a part that is gone', async () => {
    const [good, bad] = await days(2, {format: 'parquet', parts: 2})
    const part = path.join(bad?.file ?? '', 'objects-00002.parquet')
    const {size} = await stat(part)
    await rm(part)
    // The sum of the bytes alone does not tell.
    await writeFile(path.join(bad?.file ?? '', 'objects-00009.parquet'), Buffer.alloc(size))
    expect((await statuses())[bad?.name ?? '']).toBe('sealed')
    const {reasons, removed} = await catalog.prune({keepLast: 1})
    expect(removed).toEqual([])
    expect(reasons[good?.name ?? '']).toEqual(['one of the last 1'])
  })

  it('never removes the last one whose every byte is right: five newer ones have one flipped', async () => {
    for (const options of [{}, {compress: true}, {collection: 'Folders', format: 'parquet' as const}]) {
      const collection = `${options.collection ?? 'Docs'}${options.compress ? 'Gzipped' : ''}`
      const backups = await days(7, {...options, collection})
      for (const {file} of backups.slice(2)) {
        const name = options.format ? path.join(file, 'objects.parquet') : file
        const bytes = await readFile(name)
        bytes[Math.floor(bytes.length / 2)]! ^= 1
        // Within the bytes that the seal covers; of a document not those of its head.
        await writeFile(name, bytes)
      }

      const dry = await catalog.prune({keepLast: 1}, {collection, dryRun: true})
      const pruned = await catalog.prune({keepLast: 1}, {collection})
      expect(pruned).toEqual(dry)
      expect(pruned.removed.map(({file}) => file)).toEqual([backups[0]?.name])
      expect(pruned.reasons[backups[1]?.name ?? '']).toEqual(['one of the last 1'])
      for (const {name} of backups.slice(2)) expect(pruned.reasons[name]).toEqual([expect.stringContaining('damaged')])
    }
  })

  it('never lets a backup of some tenants, an incomplete one or a schema take the place of one of all', async () => {
    const schema = {multiTenancyConfig: {enabled: true}}
    const whole = (name: string) => ({digest: '00'.repeat(32), name, object_count: 0})
    const at = (day: number) => new Date(Date.UTC(2024, 1, day))
    const all = {objects: 0, schema, tenants: [whole('A'), whole('B')]}
    const metadata = (...names: string[]) => ({tenants: names.map((name) => ({name, status: 'HOT'}))})
    const digest = (seal: Record<string, unknown>): void => {
      seal.digest = '00'.repeat(32)
    }

    const make = async (day: number, options: SealedBackupOptions): Promise<SealedBackup> =>
      back({seal: digest, ...options, startedAt: at(day)})
    const older = await make(1, {...all, metadata: metadata('A', 'B')})
    const good = await make(2, {...all, metadata: metadata('A', 'B')})
    const some = [3, 4, 5, 6].map(async (day) =>
      make(day, {
        ...all,
        metadata: {
          ...metadata('A'),
          options: {compress: false, format: 'json', include_data: true, tenants: ['A']},
        },
        tenants: [whole('A')],
      }),
    )
    const ofSome = await Promise.all(some)
    const [firstSome] = ofSome
    const lastSome = ofSome.at(-1)
    const skipped = await make(7, {
      ...all,
      metadata: metadata('A', 'B'),
      tenants: [whole('A'), {name: 'B', skipped: 'offloaded'}],
    })
    const incomplete = await make(8, {
      ...all,
      metadata: metadata('A', 'B'),
      seal(seal) {
        digest(seal)
        seal.complete = false
      },
    })
    const {kept, reasons, removed} = await catalog.prune({keepLast: 1})
    expect(kept.map(({file}) => file)).toEqual([incomplete.name, skipped.name, good.name])
    expect(reasons[good.name]).toEqual(['one of the last 1'])
    expect(removed.map(({file}) => file)).toEqual(expect.arrayContaining([older.name, firstSome?.name, lastSome?.name]))

    // Without one of all, those of some stand for themselves alone; an incomplete one for nothing.
    await rm(good.file)
    const newer = await make(9, {
      ...all,
      metadata: {...metadata('B'), options: {compress: false, format: 'json', include_data: true, tenants: ['B']}},
      tenants: [whole('B')],
    })
    const last = await make(10, {
      ...all,
      metadata: metadata('A', 'B'),
      seal(seal) {
        digest(seal)
        seal.complete = false
      },
    })
    const next = await catalog.prune({keepLast: 1})
    expect(next.removed).toEqual([])
    expect(next.kept.map(({file}) => file)).toEqual([last.name, newer.name, incomplete.name, skipped.name])
    expect(next.reasons[skipped.name]).toEqual(['the last good one'])
    expect(next.reasons[incomplete.name]?.[0]).toContain('no whole one')
  })

  it('never removes what is damaged, has other files inside, or is not the backup that was listed', async () => {
    const backups = await days(5, {format: 'parquet'})
    const [damaged, shared, swapped, plain] = backups
    await rm(path.join(damaged?.file ?? '', 'schema.json'))
    await writeFile(path.join(shared?.file ?? '', 'notes.txt'), '')
    await rm(swapped?.file ?? '', {recursive: true})
    await writeSealedBackup(folder, {format: 'parquet', startedAt: new Date(Date.UTC(2024, 1, 3))})
    const {reasons, removed} = await catalog.prune({keepLast: 1})
    expect(removed.map(({file}) => file)).toEqual([plain?.name])
    expect(reasons[damaged?.name ?? '']?.[0]).toContain('damaged')
    expect(reasons[shared?.name ?? '']?.[0]).toContain('notes.txt')
    expect(reasons[swapped?.name ?? '']?.[0]).toContain('by hand')
    expect(await readdir(shared?.file ?? '')).toContain('notes.txt')
  })

  it('says of what cannot be read now that it cannot be: nothing goes on its account', async () => {
    const names = (await days(4)).map(({name}) => name)
    const [first = '', second = '', third = '', newest = ''] = names
    const unread = withUnreadable(newest)
    // As it is looked at.
    const {reasons, removed} = await unread.prune({keepLast: 1}, {dryRun: true})
    expect(removed.map(({file}) => file)).toEqual([second, first])
    expect(reasons[newest]).toEqual([expect.stringMatching(/^it could not be read now: .*EIO/)])
    expect(reasons[third]).toEqual(['one of the last 1'])
    // As its bytes are read: opened once for its head, failing from then on.
    const half = withUnreadable(newest, {after: 1})
    expect((await half.prune({keepLast: 1}, {dryRun: true})).reasons).toEqual(reasons)
    // It takes the place of none: two that can be read stay beside it.
    for (const after of [0, 1]) {
      const two = await withUnreadable(newest, {after}).prune({keepLast: 2}, {dryRun: true})
      expect(two.removed.map(({file}) => file)).toEqual([first])
      expect(two.reasons[newest]).toEqual(reasons[newest])
    }

    // One that would go is kept as well.
    const old = await withUnreadable(first).prune({keepLast: 1})
    expect(old.removed.map(({file}) => file)).toEqual([third, second])
    expect(old.reasons[first]).toEqual([expect.stringMatching(/^it could not be read now: /)])
    expect((await readdir(folder)).filter((name) => names.includes(name))).toEqual([first, newest])
    expect(JSON.stringify([reasons, old.reasons])).not.toContain('by hand')
  })

  it('never goes through a symlink out of the folder', async () => {
    const backups = await days(3, {format: 'parquet'})
    const outside = path.join(parent, 'elsewhere')
    await rename(backups[0]?.file ?? '', outside)
    await symlink(outside, backups[0]?.file ?? '')
    await writeFile(path.join(parent, 'precious.json'), 'x')
    await symlink(path.join(parent, 'precious.json'), path.join(folder, 'Docs_2020-01-01_000000.json'))
    const {removed} = await catalog.prune({keepLast: 1})
    expect(removed.map(({file}) => file)).toEqual([backups[1]?.name])
    expect(await readdir(outside)).toHaveLength(3)
    expect(await readFile(path.join(parent, 'precious.json'), 'utf8')).toBe('x')
    await catalog.remove(backups[0]?.id ?? '')
    expect(await readdir(outside)).toHaveLength(3)
  })

  it('leaves everything that is not ours', async () => {
    await days(3)
    const names = [
      'Docs_2019-01-01_000000.json',
      'Docs_2019-01-01_000000',
      'Docs_2019-01-01_000000.json.partial',
      'notes.txt',
      'keep.json',
    ]
    for (const name of names) {
      if (name.includes('.')) await writeFile(path.join(folder, name), '{"metadata":{},"schema":{},"objects":[]}')
      else await mkdir(path.join(folder, name))
    }

    await catalog.prune({keepLast: 1})
    expect(await readdir(folder)).toEqual(expect.arrayContaining(names))
  })

  it('tidies up after killed processes', async () => {
    const backups = await days(2)
    const [old, recent] = [temporaryName(), temporaryName()]
    await writeFile(path.join(folder, old), '')
    await utimes(path.join(folder, old), 0, 0)
    await writeFile(path.join(folder, recent), '')
    const half = path.join(folder, removedName('Docs_2020-01-01_000000'))
    await mkdir(half)
    await writeFile(path.join(half, 'objects.parquet'), '')
    // Of the note that it was about to write, and of a target.
    const leases = ['.tenants-01234567-89ab-4cde-8f01-23456789abcd.json.age.lease.1', `${targetLeaseName('t')}.2`]
    for (const lease of leases) {
      await writeFile(path.join(folder, lease), `${JSON.stringify({...SELF, ms: 30_000, pid: 2 ** 30})}\n`)
      await utimes(path.join(folder, lease), 0, 0)
    }

    await catalog.prune()
    expect(await readdir(folder)).toEqual([CATALOG_FILE, recent, ...backups.map(({name}) => name)])
  })

  it('removes unfinished backups that nothing can continue, once they are old, and no others', async () => {
    const backups = await days(2)
    const old = async (name: string): Promise<void> => utimes(path.join(folder, name), 1, 1)
    const dead = ['Docs_2020-01-01_000000.json.partial', 'Docs_2020-01-02_000000.partial']
    const kept = [
      // With a journal it can be continued.
      'Docs_2020-01-03_000000.json.partial',
      'Docs_2020-01-03_000000.json.partial.journal',
      // Somebody writes it.
      'Docs_2020-01-04_000000.json.partial',
      // It holds a file that is not ours.
      'Docs_2020-01-05_000000.partial',
      // Recent.
      'Docs_2020-01-06_000000.json.partial',
      'Notes.json.partial',
    ]
    for (const name of [...dead, ...kept]) {
      await (name.includes('.json') ? writeFile(path.join(folder, name), '{') : mkdir(path.join(folder, name)))
    }

    await writeFile(path.join(folder, dead[1]!, 'objects.parquet'), 'PAR1')
    await writeFile(path.join(folder, 'Docs_2020-01-05_000000.partial', 'notes.txt'), 'mine')
    const lock = await Lease.tryAcquire(new LocalStore(folder), 'Docs_2020-01-04_000000.json.partial.lock')
    for (const name of [...dead, ...kept]) if (!name.startsWith('Docs_2020-01-06')) await old(name)
    const codes: string[] = []
    const onWarning = ({code}: Warning): void => {
      codes.push(code)
    }

    await new BackupCatalog(folder, {onWarning}).prune()
    await lock!.release()
    const left = await readdir(folder)
    expect(left.toSorted()).toEqual([CATALOG_FILE, ...kept, ...backups.map(({name}) => name)].toSorted())
    expect(codes).toEqual(['unfinished-removed', 'unfinished-removed'])
  })

  it('refuses a policy that makes no sense before it changes anything', async () => {
    expect((await failure(catalog.prune({keepWithin: 'soon'}))).code).toBe('INVALID_INPUT')
    expect((await failure(catalog.prune({keepLast: -1}, {dryRun: true}))).code).toBe('INVALID_INPUT')
    expect(await readdir(parent)).toEqual([])
  })
})

describe('a catalog file', () => {
  const damages: Array<[string, string]> = [
    ['cut off', '[{"id":"'],
    ['empty', ''],
    ['no list', '{"backups":[]}'],
    ['of wrong types', '[{"id":1}]'],
    [
      'naming a file elsewhere',
      JSON.stringify([
        {
          collection: 'Docs',
          file: '../../etc/passwd',
          format: 'json',
          id: '00000000-0000-4000-8000-000000000000',
          object_count: 0,
          size: 0,
          timestamp: '2024-01-01T00:00:00Z',
        },
      ]),
    ],
    ['nested without end', '['.repeat(100_000)],
  ]
  it.each(damages)('that is %s is kept aside and rebuilt', async (_title, text) => {
    const backup = await back()
    const file = path.join(folder, CATALOG_FILE)
    await writeFile(file, text)
    expect(await catalog.prune({}, {dryRun: true})).toMatchObject({kept: [{id: backup.id}]})
    expect(await readFile(file, 'utf8')).toBe(text)

    expect(await catalog.list()).toMatchObject([{id: backup.id, status: 'sealed'}])
    expect(warnings).toMatchObject([{code: 'catalog-rebuilt'}])
    const aside = (await readdir(folder)).filter((name) => name.startsWith(`${CATALOG_FILE}.damaged-`))
    expect(aside).toHaveLength(1)
    expect(await readFile(path.join(folder, aside[0] ?? ''), 'utf8')).toBe(text)
    expect(warnings[0]?.message).toContain(aside[0])
    expect(await onDisk()).toMatchObject([{id: backup.id}])
    await catalog.list()
    expect(warnings).toHaveLength(1)
  })

  it('that is damaged is rebuilt before it is written, and a second damaged one is kept as well', async () => {
    const backup = await back()
    for (const text of ['first', 'second']) {
      await writeFile(path.join(folder, CATALOG_FILE), text)
      await back({startedAt: new Date('2024-02-03')})
      expect((await onDisk()).map(({id}) => id)).toContain(backup.id)
    }

    expect((await readdir(folder)).filter((name) => name.includes('.damaged-'))).toHaveLength(2)
  })

  it('is made anew from what is on the disk', async () => {
    const [one, two] = await days(2)
    const unlisted = await writeSealedBackup(folder, {compress: true})
    const broken = await back({startedAt: new Date('2024-02-09')})
    await rm(two?.file ?? '')
    await appendFile(broken.file, 'x')
    const {damaged, entries} = await catalog.reindex()
    // The unlisted one is of half past ten on the same day.
    expect(entries.map(({id}) => id)).toEqual([unlisted.id, one?.id])
    expect(damaged).toMatchObject([{file: broken.name, reason: expect.stringContaining('damaged') as string}])
    expect(await onDisk()).toEqual(entries)
    await rm(path.join(folder, CATALOG_FILE))
    expect((await catalog.reindex()).entries).toEqual(entries)
  })

  it('made anew keeps the entry of what cannot be read now, and says so', async () => {
    const [one, two, three] = await days(3)
    const before = await onDisk()
    const unlisted = await writeSealedBackup(folder, {compress: true})
    const result = await withUnreadable(two?.name ?? '', {also: [unlisted.name]}).reindex()
    expect(result.entries).toEqual(before)
    expect(await onDisk()).toEqual(before)
    expect(result.damaged).toEqual([])
    const unread = [two, unlisted].map((backup) => ({
      file: backup?.name,
      reason: expect.stringContaining('EIO') as string,
    }))
    expect(new Set(result.unread.map(({file}) => file))).toEqual(new Set(unread.map(({file}) => file)))
    expect(result.unread).toEqual(expect.arrayContaining(unread))
    expect(warnings.map(({code, details}) => [code, details?.file])).toEqual(
      result.unread.map(({file}) => ['backup-not-read', file]),
    )

    // Nor is one forgotten that a failing mount hides.
    await rm(three?.file ?? '')
    await symlink(three?.name ?? '', three?.file ?? '')
    const looped = await catalog.reindex()
    expect(looped.unread).toMatchObject([{file: three?.name, reason: expect.stringContaining('symbolic') as string}])
    expect(looped.entries.map(({id}) => id)).toEqual([three?.id, two?.id, unlisted.id, one?.id])

    // What is not there any more is.
    await rm(three?.file ?? '')
    expect((await catalog.reindex()).unread).toEqual([])
    expect((await onDisk()).map(({id}) => id)).toEqual([two?.id, unlisted.id, one?.id])
  })

  it('without an entry and not to be read now is said to be so in a listing', async () => {
    const unlisted = await writeSealedBackup(folder)
    expect(await withUnreadable(unlisted.name).list()).toEqual([])
    expect(warnings).toMatchObject([{code: 'backup-not-read', details: {file: unlisted.name}}])
  })

  it.skipIf(process.getuid?.() !== 0)(
    'in a folder that cannot be written is rebuilt in memory (needs root, to become somebody else)',
    async () => {
      const backup = await back()
      await writeFile(path.join(folder, CATALOG_FILE), 'damaged')
      for (const each of [parent, folder]) await chmod(each, 0o755)
      for (const each of await readdir(folder)) await chmod(path.join(folder, each), 0o644)
      try {
        process.seteuid?.(65_534)
        expect(await catalog.list()).toMatchObject([{id: backup.id}])
        const error = await failure(catalog.register(await entryFor(backup)))
        expect(error.code).toBe('STORAGE')
      } finally {
        process.seteuid?.(0)
      }

      expect(warnings).toMatchObject([{code: 'catalog-not-repaired'}])
      expect(await readFile(path.join(folder, CATALOG_FILE), 'utf8')).toBe('damaged')
    },
  )
})

describe('several processes', () => {
  const children: ChildProcess[] = []

  afterEach(() => {
    for (const child of children) child.kill('SIGKILL')
    children.length = 0
  })

  async function worker(from: number, count: number): Promise<ChildProcess> {
    const child = spawn(process.execPath, [programFile('register'), folder, `${from}`, `${count}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    children.push(child)
    await once(child.stdout, 'data')
    return child
  }

  async function exitOf(child: ChildProcess): Promise<unknown> {
    if (child.exitCode !== null) return child.exitCode
    const [code] = (await once(child, 'exit')) as [unknown]
    return code
  }

  it('lose no entry of each other', async () => {
    const workers = await Promise.all([0, 1, 2, 3].map(async (index) => worker(index * 25, 25)))
    for (const child of workers) child.stdin?.write('go\n')
    expect(await Promise.all(workers.map(async (child) => exitOf(child)))).toEqual([0, 0, 0, 0])
    const counts = (await onDisk()).map(({object_count: count = -1}) => count)
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({length: 100}, (_, index) => index))
    expect(await readdir(folder)).toEqual([CATALOG_FILE])
  })

  it('may be killed at any moment: the others go on, and what was registered stays', async () => {
    const survivor = await worker(1000, 25)
    survivor.stdin?.write('go\n')
    const victims = await Promise.all([0, 1, 2].map(async (index) => worker(index * 100, 100)))
    for (const [index, child] of victims.entries()) {
      child.stdin?.write('go\n')
      await sleep(60 + 37 * index)
      child.kill('SIGKILL')
    }

    expect(await exitOf(survivor)).toBe(0)
    const counts = (await onDisk()).map(({object_count: count = -1}) => count)
    expect(counts.filter((count) => count >= 1000)).toHaveLength(25)
    // Each was registering one after another: what is there has no gap.
    for (const index of [0, 1, 2]) {
      const ofVictim = counts.filter((count) => Math.floor(count / 100) === index && count < 1000)
      expect(ofVictim.toSorted((a, b) => a - b)).toEqual(ofVictim.map((_, at) => index * 100 + at))
    }

    await back({collection: 'Other'})
    expect(await onDisk()).toHaveLength(counts.length + 1)
  })

  it('wait for a lock no longer than told', async () => {
    const lock = await Lease.acquire(store, CATALOG_LOCK_FILE)
    const impatient = new BackupCatalog(store, {lockWaitMs: 100})
    const backup = await writeSealedBackup(folder)
    const error = await failure(impatient.register(await entryFor(backup)))
    expect(error).toMatchObject({code: 'STORAGE', details: {pid: process.pid}})
    expect(error.message).toContain(CATALOG_LOCK_FILE)
    // Looking needs no lock.
    expect(await impatient.list()).toHaveLength(1)
    await lock.release()
  })
})
