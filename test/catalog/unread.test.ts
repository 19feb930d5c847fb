/** Backups of which one cannot be looked at: the others are listed, it is named, and never taken for one that is not there, or is good. */
import {chmod, chown, mkdtemp, readdir, rm, utimes} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, expect, it} from 'vitest'

import type {Warning} from '../../src/model/progress.js'

import {journalName} from '../../src/archive/names.js'
import {leftoversIn} from '../../src/catalog/leftovers.js'
import {locateBackup, locateBackups} from '../../src/catalog/locate.js'
import {chooseBackups} from '../../src/cli/check-backups.js'
import {utf8} from '../../src/codec/bytes.js'
import {BackupCatalog, DataOpsError, examine} from '../../src/index.js'
import {openStore} from '../../src/store/open.js'
import {readAll} from '../../src/store/read-all.js'
import {withEnvironment} from '../store/support.js'
import {BUCKET, type S3Request, type S3Server, startS3} from '../support/s3-server.js'
import {type SealedBackup, writeSealedBackup} from '../support/sealed-backup.js'

let parent: string
let s3: S3Server
let restoreEnvironment: () => void
let places = 0

beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'data-ops-unread-'))
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
})

afterEach(() => {
  s3.fault = undefined
})

afterAll(async () => {
  restoreEnvironment()
  await s3.close()
  await rm(parent, {recursive: true})
})

/** Backups of successive days, in a bucket; the last of them without an entry. */
async function place(days: number): Promise<{backups: SealedBackup[]; url: string}> {
  const folder = path.join(parent, String(++places))
  const url = `s3://${BUCKET}/${places}`
  const [local, store] = [openStore(folder), openStore(url)]
  const backups: SealedBackup[] = []
  for (let day = 1; day <= days; day++) {
    const backup = await writeSealedBackup(folder, {format: 'parquet', startedAt: new Date(Date.UTC(2024, 1, day))})
    for (const {name} of await local.list(backup.name)) {
      const key = `${backup.name}/${name}`
      await store.put(key, await readAll(local, key))
    }

    if (day < days) await new BackupCatalog(store).reindex()
    backups.push(backup)
  }

  return {backups, url}
}

/** Nothing of these folders may be listed or read. */
function deny(...folders: string[]): void {
  const isOf = ({key, query}: S3Request, folder: string): boolean =>
    key.includes(`/${folder}`) || Boolean(query.get('prefix')?.includes(`/${folder}`))
  s3.fault = (request) =>
    folders.some((folder) => isOf(request, folder)) ? {code: 'AccessDenied', status: 403} : undefined
}

function told(url: string): {catalog: BackupCatalog; warnings: Warning[]} {
  const warnings: Warning[] = []
  const catalog = new BackupCatalog(url, {
    onWarning(warning) {
      warnings.push(warning)
    },
  })
  return {catalog, warnings}
}

const denied = (backup: SealedBackup) => ({file: backup.name, reason: expect.stringContaining('credentials') as string})

it('the others are listed, and it is unread: with an entry as such, without one by its name', async () => {
  const {backups, url} = await place(4)
  const [first, second, third, newest] = backups
  deny(second!.name, newest!.name)
  const {catalog, warnings} = told(url)
  expect((await catalog.list()).map(({file, status}) => [file, status])).toEqual([
    [third!.name, 'sealed'],
    [second!.name, 'unread'],
    [first!.name, 'sealed'],
  ])
  expect(warnings.map(({code}) => code)).toEqual(['backup-not-read', 'backup-not-read'])
  expect(warnings.map(({details}) => String(details?.file)).toSorted()).toEqual([second!.name, newest!.name])
  const {unread} = await catalog.listing()
  expect(unread).toEqual(expect.arrayContaining([denied(second!), denied(newest!)]))
  expect(unread).toHaveLength(2)
  expect((await catalog.listing({collection: 'Notes'})).unread).toEqual([])
})

it('it takes the place of none: as many as are to be kept are such as can be read', async () => {
  const {backups, url} = await place(4)
  const [first, second, third, newest] = backups
  await new BackupCatalog(url).reindex()
  deny(newest!.name)
  for (const policy of [{keepLast: 3}, {keepLast: 0, keepMonthly: 1}]) {
    const {catalog} = told(url)
    const {kept, reasons} = await catalog.prune(policy, {dryRun: true})
    const wanted = 'keepMonthly' in policy ? [newest, third] : [newest, third, second, first]
    expect(kept.map(({file}) => file)).toEqual(wanted.map((each) => each!.name))
    expect(reasons[newest!.name]).toEqual([expect.stringMatching(/^it could not be read now: /)])
  }
})

it('prune keeps it, and removes nothing on its account', async () => {
  const {backups, url} = await place(4)
  const [first, second, third, newest] = backups
  await new BackupCatalog(url).reindex()
  deny(first!.name, newest!.name)
  for (const dryRun of [true, false]) {
    const {catalog} = told(url)
    const {kept, reasons, removed, unread} = await catalog.prune({keepLast: 1}, {dryRun})
    expect(removed.map(({file}) => file)).toEqual([second!.name])
    expect(kept.map(({file, status}) => [file, status])).toEqual([
      [newest!.name, 'unread'],
      [third!.name, 'sealed'],
      [first!.name, 'unread'],
    ])
    expect(reasons[third!.name]).toEqual(['one of the last 1'])
    for (const each of [first!, newest!])
      expect(reasons[each.name]!.at(-1)).toMatch(/^it could not be read now: .*credentials/)
    expect(unread.map(({file}) => file).toSorted()).toEqual([first!.name, newest!.name])
  }

  s3.fault = undefined
  expect((await new BackupCatalog(url).list()).map(({file, status}) => [file, status])).toEqual([
    [newest!.name, 'sealed'],
    [third!.name, 'sealed'],
    [first!.name, 'sealed'],
  ])
})

it('what nobody can look at that tells whether it is needed keeps a backup, and no others', async () => {
  const {backups, url} = await place(2)
  const [first, second] = backups
  await new BackupCatalog(url).reindex()
  await openStore(url).put(`${second!.name}.partial.lock.1`, utf8('{}'))
  await openStore(url).put(`${first!.name}.partial.lock.1`, utf8('{}'))
  deny(`${first!.name}.partial.lock`)
  const {kept, reasons, removed, unread} = await new BackupCatalog(url).prune({keepLast: 1})
  expect(removed).toEqual([])
  expect(kept).toHaveLength(2)
  expect(reasons[first!.name]).toEqual([expect.stringMatching(/^whether it may go could not be seen: it could not be/)])
  expect(unread).toEqual([denied(first!)])
})

it('reindex keeps its entry, tidies the others, and names it', async () => {
  const {backups, url} = await place(3)
  const [first, second] = backups
  deny(second!.name)
  const {entries, unread} = await new BackupCatalog(url).reindex()
  expect(entries.map(({file}) => file)).toEqual(backups.map(({name}) => name).toReversed())
  expect(unread).toEqual([denied(second!)])
  deny(first!.name, second!.name)
  expect((await new BackupCatalog(url).reindex()).unread).toHaveLength(2)
})

it('the newest that has no entry and cannot be looked at is not passed over in silence', async () => {
  const {backups, url} = await place(3)
  const [first, second, newest] = backups
  deny(newest!.name)
  const warnings: Warning[] = []
  const onWarning = (warning: Warning): void => {
    warnings.push(warning)
  }

  for (const name of ['latest', 'Docs@latest', 'Docs@2024-02', 'Docs*'])
    expect((await locateBackup(name, openStore(url), {onWarning})).name).toBe(second!.name)
  expect(warnings.map(({code, details}) => [code, details])).toEqual(
    Array.from({length: 4}, () => [
      'older-taken',
      {path: `${url}/${newest!.name}`, reason: expect.stringMatching(/^could not be looked at \(/) as string},
    ]),
  )
  expect((await locateBackup('Docs@2024-02-02', openStore(url), {onWarning})).name).toBe(second!.name)
  expect(warnings).toHaveLength(4)
  // One with an entry is tried, and its error is what there is to say.
  deny(second!.name, newest!.name)
  await expect(locateBackup('latest', openStore(url))).rejects.toMatchObject({code: 'STORAGE'})
  s3.fault = undefined
  await new BackupCatalog(url).remove(first!.id)
  await new BackupCatalog(url).remove(second!.id)
  deny(newest!.name)
  for (const name of ['latest', newest!.id])
    await expect(locateBackup(name, openStore(url))).rejects.toMatchObject({
      code: 'NOT_A_BACKUP',
      details: {unread: [`${url}/${newest!.name}`]},
      hint: expect.stringContaining('could not be looked at') as string,
    })
})

it('what a pattern or a run may stand for as well, and nobody can look at, is not left out in silence', async () => {
  const {backups, url} = await place(2)
  const [first, second] = backups
  await new BackupCatalog(url).reindex()
  const folder = path.join(parent, String(++places))
  const notes = await writeSealedBackup(folder, {collection: 'Notes', format: 'parquet', startedAt: new Date(0)})
  const [local, store] = [openStore(folder), openStore(url)]
  for (const {name} of await local.list(notes.name))
    await store.put(`${notes.name}/${name}`, await readAll(local, `${notes.name}/${name}`))
  deny(notes.name)
  const {run_id: run} = (await new BackupCatalog(url).list())[0]!
  const unread = [{path: `${url}/${notes.name}`, reason: expect.stringContaining('credentials') as string}]
  for (const name of ['*', 'N*', '*_1970*', `run:${run}`]) {
    const found = await locateBackups(name, store).catch((error: unknown) => error)
    // Where nothing else is found, the error says so.
    if (found instanceof DataOpsError) expect(found.details).toMatchObject({unread: [`${url}/${notes.name}`]})
    else expect(found).toMatchObject({passedOver: [], unread})
  }

  for (const name of ['D*', 'latest', 'Docs@latest', second!.id, first!.name])
    expect((await locateBackups(name, store)).unread).toEqual([])

  const messages: string[] = []
  const onWarning = ({message}: {message: string}): void => {
    messages.push(message)
  }

  const choose = async (exclude: string[]): Promise<unknown> =>
    chooseBackups(['*'], {directory: url, encryption: {}, exclude, onWarning})
  const before = process.exitCode
  try {
    process.exitCode = 0
    expect(await choose(['Notes'])).toMatchObject({references: [`${url}/${second!.name}`]})
    expect([process.exitCode, messages]).toEqual([0, []])
    expect(await choose([])).toMatchObject({references: [`${url}/${second!.name}`]})
    expect([process.exitCode, messages]).toEqual([3, [expect.stringContaining(notes.name)]])
  } finally {
    process.exitCode = before
  }
})

it('of what killed runs left, too, the others are named', async () => {
  const {url} = await place(1)
  const store = openStore(url)
  // As long as what says that a file is over, and so it is read.
  for (const day of ['01', '02']) await store.put(journalName(`Docs_2023-01-${day}_000000`), utf8('{"over":false}'))
  deny('Docs_2023-01-01')
  const left = await leftoversIn(store)
  expect(left.map(({kind, name}) => [kind, name])).toEqual([
    ['unread', journalName('Docs_2023-01-01_000000')],
    ['unfinished', journalName('Docs_2023-01-02_000000')],
  ])
  const findings = await examine({connection: new DataOpsError('CANNOT_CONNECT', 'No server.'), store})
  const levels = findings.filter(({check}) => check === 'leftovers').map(({level}) => level)
  expect(levels).toEqual(['unknown', 'warning'])
})

it.skipIf(process.getuid?.() !== 0)('in a folder it is the same (needs root, to become somebody else)', async () => {
  const folder = path.join(parent, String(++places))
  const backups = [1, 2, 3].map(async (day) =>
    writeSealedBackup(folder, {format: 'parquet', startedAt: new Date(Date.UTC(2024, 1, day))}),
  )
  const [first, second, third] = await Promise.all(backups)
  await new BackupCatalog(folder).reindex()
  await chmod(parent, 0o755)
  for (const each of [folder, first!.file, second!.file, third!.file]) await chown(each, 65_534, 65_534)
  for (const {file} of [first!, third!])
    for (const name of await readdir(file)) await chown(path.join(file, name), 65_534, 65_534)
  await chown(path.join(folder, '.backup_catalog.json'), 65_534, 65_534)
  await utimes(second!.file, 0, 0)
  await chmod(second!.file, 0)
  process.seteuid?.(65_534)
  try {
    const {backups: listed, unread} = await new BackupCatalog(folder).listing()
    expect(listed.map(({status}) => status)).toEqual(['sealed', 'unread', 'sealed'])
    expect(unread).toEqual([{file: second!.name, reason: expect.stringContaining('permission was denied') as string}])
    const pruned = await new BackupCatalog(folder).prune({keepLast: 1})
    expect(pruned.removed.map(({file}) => file)).toEqual([first!.name])
    expect(pruned.unread).toEqual(unread)
    expect((await new BackupCatalog(folder).reindex()).entries.map(({file}) => file)).toEqual([
      third!.name,
      second!.name,
    ])
  } finally {
    process.seteuid?.(0)
  }
})

it('uploads that may not be listed do not undo what was done', async () => {
  const {backups, url} = await place(2)
  s3.fault = ({operation}) => (operation === 'ListMultipartUploads' ? {code: 'AccessDenied', status: 403} : undefined)
  const reason = expect.stringContaining('s3:ListBucketMultipartUploads') as string
  const {catalog, warnings} = told(url)
  const {entries, unread} = await catalog.reindex()
  expect(entries).toHaveLength(2)
  expect(unread).toEqual([{file: '', reason}])
  const pruned = await catalog.prune({keepLast: 1})
  expect(pruned.removed.map(({file}) => file)).toEqual([backups[0]!.name])
  expect(pruned.unread).toEqual([{file: '', reason}])
  expect(warnings.map(({code}) => code)).toEqual(['not-tidied', 'not-tidied'])
})
