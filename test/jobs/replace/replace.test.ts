/** A backup in place of a collection: nothing is lost, whenever it is killed. */
import {writeFileSync} from 'node:fs'
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {newIdentity} from '../../../src/codec/age/header.js'
import {
  BackupCatalog,
  BackupManager,
  type Connection,
  CopyManager,
  DataOpsError,
  ReplaceManager,
  type ReplaceOptions,
  RestoreManager,
  transforms,
  Verifier,
} from '../../../src/index.js'
import {GRACE, SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {
  fillCollection,
  makeCollection,
  restDump,
  startTestServer,
  temporaryDirectory,
  type TestServer,
  writeAll,
} from '../../support/collections.js'
import {dyingStore} from '../../support/dying-store.js'
import {fallingAsleep} from '../../support/falling-asleep.js'

const NAME = 'ReplacedDocs'
const OBJECTS = 12
const QUICK: ReplaceOptions = {quietForMs: 0}
const before = {grace: GRACE.ms, every: SAVE_EVERY.ms}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: TestServer
let good: Map<string, unknown>
let id: string

beforeAll(async () => {
  server = await startTestServer()
  GRACE.ms = 0
  SAVE_EVERY.ms = 0
})
afterAll(async () => {
  GRACE.ms = before.grace
  SAVE_EVERY.ms = before.every
  await server.close()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
  id = await prepare(directory.path)
})
afterEach(async () => {
  for (const {alias} of await server.connection.listAliases()) await server.connection.deleteAlias(alias)
  for (const {class: name} of await server.connection.listCollections()) await server.connection.deleteCollection(name)
  await directory.remove()
})

/** A backup of the good state; then a mistake is made: other objects, and another schema. */
async function prepare(folder: string): Promise<string> {
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  good = await restDump(server.url, NAME)
  const backup = await new BackupManager(server.connection, {directory: folder}).backupCollection(NAME)
  await spoil()
  return backup.id
}

async function spoil(): Promise<void> {
  const options = {className: NAME, dims: 4, objects: 5, properties: 2}
  await fillCollection(server.connection, makeClass(options), makeObjects(options))
}

const manager = () => new ReplaceManager(server.connection, {directory: directory.path})

/** Of the mistake. */
async function savedBackups() {
  const all = await new BackupCatalog(new LocalStore(directory.path)).list()
  return all.filter((backup) => backup.id !== id)
}

describe('replacing a collection', () => {
  it('saves what is there, drops it, restores and compares', async () => {
    const spoilt = await restDump(server.url, NAME)
    const result = await manager().replaceCollection(id, QUICK)
    expect(result).toMatchObject({
      collection: NAME,
      replaced: {gapMs: expect.any(Number) as number, objectCount: 5},
      restored: OBJECTS,
      verification: {equal: true},
    })
    expect(await restDump(server.url, NAME)).toEqual(good)
    const {saved} = result.replaced!
    expect(await new Verifier().verifyBackup(saved)).toMatchObject({objectCount: 5, problems: []})
    // Of the collection's newest backup that is not what was replaced, again: it changes nothing but the time.
    await new RestoreManager(server.connection).restoreCollection(saved, {name: 'Before'})
    const earlier = await restDump(server.url, 'Before')
    expect([...earlier.keys()]).toEqual([...spoilt.keys()])
    expect(await manager().replaceCollection(`${NAME}@latest`, QUICK)).toMatchObject({backupId: id, restored: OBJECTS})
  })

  it('restores where there is nothing, and says in a dry run what it would do', async () => {
    const earlier = await restDump(server.url, NAME)
    expect(await manager().replaceCollection(id, {...QUICK, dryRun: true})).toMatchObject({
      collection: NAME,
      dryRun: true,
      expected: OBJECTS,
    })
    expect(await restDump(server.url, NAME)).toEqual(earlier)
    expect(await savedBackups()).toEqual([])
    await server.connection.deleteCollection(NAME)
    const result = await manager().replaceCollection(id, QUICK)
    expect(result).not.toHaveProperty('replaced')
    expect(await restDump(server.url, NAME)).toEqual(good)
  })

  it('drops nothing where this process stood still, though nobody else has replaced anything', async () => {
    const asleep = fallingAsleep()
    try {
      const options = {...QUICK, onProgress: asleep.fall}
      await expect(manager().replaceCollection(id, options)).rejects.toMatchObject({
        code: 'STORAGE',
        message: expect.stringContaining('stood still') as string,
      })
    } finally {
      asleep.end()
    }

    expect((await restDump(server.url, NAME)).size).toBe(5)
    expect((await readdir(directory.path)).filter((name) => name.startsWith('.replace'))).toEqual([])
    expect(await manager().replaceCollection(id, QUICK)).toMatchObject({restored: OBJECTS})
  })

  it('switches an alias once the new collection is verified, and leaves the old one', async () => {
    await server.connection.createAlias('Live', NAME)
    const result = await manager().replaceCollection(id, {...QUICK, name: 'Live'})
    expect(result).toMatchObject({aliases: ['Live'], replaced: {gapMs: 0, saved: NAME}, verification: {equal: true}})
    expect(await server.connection.listAliases()).toEqual([{alias: 'Live', collection: result.collection}])
    expect([...(await restDump(server.url, result.collection)).keys()]).toEqual([...good.keys()])
    expect((await restDump(server.url, NAME)).size).toBe(5)
  })

  it('points no alias at nothing: a backup without objects replaces none', async () => {
    await server.connection.createAlias('Live', NAME)
    const {id: bare} = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
      includeData: false,
    })
    for (const name of ['Live', NAME]) {
      const replaced = manager().replaceCollection(bare, {...QUICK, name})
      await expect(replaced).rejects.toMatchObject({code: 'INVALID_INPUT'})
    }

    const options = {directory: directory.path}
    const atomic = {atomic: true, name: 'Live'}
    const without = [
      new RestoreManager(server.connection, options).restoreCollection(bare, atomic),
      new RestoreManager(server.connection, options).restoreCollection(id, {...atomic, skipData: true}),
      new CopyManager(server.connection, server.connection, options).copyCollection(NAME, {...atomic, skipData: true}),
    ]
    for (const one of await Promise.allSettled(without)) {
      expect(one).toMatchObject({reason: {code: 'INVALID_INPUT'}, status: 'rejected'})
    }

    expect(await server.connection.listAliases()).toEqual([{alias: 'Live', collection: NAME}])
    expect((await server.connection.listCollections()).map(({class: name}) => name)).toEqual([NAME])
    expect((await restDump(server.url, NAME)).size).toBe(5)
  })

  it('keeps aliases that point at the collection', async () => {
    await server.connection.createAlias('Pointer', NAME)
    await manager().replaceCollection(id, QUICK)
    expect(await server.connection.listAliases()).toEqual([{alias: 'Pointer', collection: NAME}])
  })

  it('drops nothing for a protected name, or by a damaged backup', async () => {
    const earlier = await restDump(server.url, NAME)
    const options = {...QUICK, protectedNames: ['Replaced*']}
    await expect(manager().replaceCollection(id, options)).rejects.toMatchObject({code: 'NOT_CONFIRMED'})
    const {path: file} = await new Verifier({directory: directory.path}).verifyBackup(id)
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('property0":"', 'property0":"x'))
    await expect(manager().replaceCollection(id, QUICK)).rejects.toMatchObject({code: 'BACKUP_DAMAGED'})
    expect(await restDump(server.url, NAME)).toEqual(earlier)
    expect(await savedBackups()).toEqual([])
  })

  it('drops nothing that still changes, nor what was backed up in vain', async () => {
    const writing = {
      ...QUICK,
      onProgress({stage}: {stage: string}) {
        isBackedUp ||= stage === 'backup'
        // Between the backup and the last look.
        if (!isBackedUp || stage !== 'verify' || writes > 0) return
        writes++
        const [object] = makeObjects({className: NAME, dims: 4, objects: 100, properties: 2}, 90, 91)
        pending = writeAll(server.connection, NAME, [object!])
      },
    }
    let isBackedUp = false
    let writes = 0
    let pending: Promise<void> | undefined
    const outcome = await manager()
      .replaceCollection(id, {...writing, quietForMs: 300})
      .catch((error: unknown) => error)
    await pending
    expect(writes).toBe(1)
    expect(outcome).toMatchObject({
      code: 'CONTENT_DIFFERS',
      hint: expect.stringContaining('Stop the programs') as string,
    })
    expect((await restDump(server.url, NAME)).size).toBe(6)
  })
})

describe('a replacement that is killed', () => {
  it('at any call to the place loses nothing, and goes on', {timeout: 120_000}, async () => {
    const whole = dyingStore(new LocalStore(directory.path))
    await new ReplaceManager(server.connection, {store: whole.store}).replaceCollection(id, QUICK)
    const {calls} = whole
    // Every note that it writes or removes, for the first time, and the call behind it; and some in between.
    const isNote = (call: string): boolean => /^(?:put|remove) .*(?:\.replace-|\.checkpoint)/.test(call)
    const marks = calls.flatMap((call, at) => (isNote(call) && calls.indexOf(call) === at ? [at, at + 1] : []))
    const last = calls.findLastIndex((call) => isNote(call))
    const chosen = [...new Set([...marks, last, ...calls.map((_, index) => index).filter((at) => at % 47 === 0)])]
    let [dropped, untouched] = [0, 0]
    for (const at of chosen.sort((a, b) => a - b)) {
      await spoil()
      const spoilt = await restDump(server.url, NAME)
      const {store} = dyingStore(new LocalStore(directory.path), 'dies', at + 1)
      const failure: unknown = await new ReplaceManager(server.connection, {store})
        .replaceCollection(id, QUICK)
        .then(() => undefined)
        .catch((error: unknown) => error)
      const there = await server.connection.getCollection(NAME)
      const isUntouched =
        there && [...(await restDump(server.url, NAME)).keys()].join(',') === [...spoilt.keys()].join(',')
      if (isUntouched) untouched++
      else {
        dropped++
        await expectSaved(spoilt, calls[at])
        if (failure !== undefined) expect(failure, calls[at]).toBeInstanceOf(DataOpsError)
      }

      const again = await manager().replaceCollection(id, QUICK)
      expect(again.verification, calls[at]).toMatchObject({equal: true})
      expect(await restDump(server.url, NAME), calls[at]).toEqual(good)
      const left = await new LocalStore(directory.path).list('')
      expect(left.map(({name}) => name).filter((name) => /\.replace-|\.checkpoint$/.test(name))).toEqual([])
    }

    expect(marks.length).toBeGreaterThan(6)
    expect(untouched).toBeGreaterThan(2)
    expect(dropped).toBeGreaterThan(3)
  })

  it('says how to go on and how to go back, and both work', async () => {
    const spoilt = await restDump(server.url, NAME)
    const controller = new AbortController()
    const onProgress = ({completed, stage}: {completed: number; stage: string}): void => {
      if (stage === 'restore' && completed > 0) controller.abort()
    }

    const options = {...QUICK, batchSize: 4, concurrency: 1}
    const failure = await manager()
      .replaceCollection(id, {...options, onProgress, signal: controller.signal})
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({code: 'INTERRUPTED', details: {saved: expect.any(String) as string}})
    const {details, hint} = failure as DataOpsError
    expect(hint).toContain(`go back with \`replaceCollection\` ${details.saved as string}`)
    const back = await manager().replaceCollection(details.saved as string, options)
    expect(back).toMatchObject({restored: 5, verification: {equal: true}})
    expect([...(await restDump(server.url, NAME)).keys()]).toEqual([...spoilt.keys()])
    // The earlier one is given up: from here on it is a replacement of its own.
    expect(await manager().replaceCollection(id, {...options, restart: true})).toMatchObject({restored: OBJECTS})
    expect(await restDump(server.url, NAME)).toEqual(good)
  })
})

it('drops nothing where one at another address was not finished', async () => {
  const marker = path.join(directory.path, `.replace-${NAME}.json`)
  const text = JSON.stringify({backup: id, saved: 'what-was-there', server: 'http://the-same-by-another-name:8080'})
  await writeFile(marker, text)
  const there = await restDump(server.url, NAME)
  for (const options of [{}, {restart: true}, {dryRun: true}])
    await expect(manager().replaceCollection(id, {...QUICK, ...options})).rejects.toMatchObject({code: 'CHECKPOINT'})
  expect(await restDump(server.url, NAME)).toEqual(there)
  expect(await readFile(marker, 'utf8')).toBe(text)
})

it('with changes that was interrupted is continued with the same alone, as the hint says, or begun anew', async () => {
  const controller = new AbortController()
  const onProgress = ({completed, stage}: {completed: number; stage: string}): void => {
    if (stage === 'restore' && completed > 0) controller.abort()
  }

  const other = {...QUICK, batchSize: 2, concurrency: 1}
  const options = {...other, transforms: [transforms.limit(7)]}
  const how =
    /Go on with .+ with the options of the run that dropped it \(others need `restart: true`\), or go back with/
  await expect(
    manager().replaceCollection(id, {...options, onProgress, signal: controller.signal}),
  ).rejects.toMatchObject({code: 'INTERRUPTED', hint: expect.stringMatching(how) as string})
  await expect(manager().replaceCollection(id, other)).rejects.toMatchObject({
    code: 'CHECKPOINT',
    hint: expect.stringMatching(how) as string,
  })
  const {resumed, restored, verification} = await manager().replaceCollection(id, options)
  expect(resumed).toBeGreaterThan(0)
  expect(resumed + restored).toBe(7)
  expect(verification).toMatchObject({equal: true})
  const first = [...good].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, 7)
  expect(await restDump(server.url, NAME)).toEqual(new Map(first))
  expect(await manager().replaceCollection(id, {...other, restart: true})).toMatchObject({restored: OBJECTS})
  expect(await restDump(server.url, NAME)).toEqual(good)
})

it('that was killed before it dropped what a partial backup is of does not take that for the backup', async () => {
  await server.connection.deleteCollection(NAME)
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  const chosen = [...good.keys()].slice(0, 5)
  const part = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
    transforms: [transforms.where(`id in ${JSON.stringify(chosen)}`), transforms.onlyIds(chosen)],
  })
  const marker = {backup: part.id, saved: 'what-was-there', server: server.connection.describe}
  const file = path.join(directory.path, `.replace-${NAME}.json`)
  for (const restored of [5, 0]) {
    await writeFile(file, JSON.stringify(marker))
    // The second time it was ended before it could say so.
    expect(await manager().replaceCollection(part.id, QUICK)).toMatchObject({restored, verification: {equal: true}})
    expect([...(await restDump(server.url, NAME)).keys()].toSorted()).toEqual(chosen.toSorted())
  }
})

it('of an encrypted backup says when what is there is saved in the clear', async () => {
  const {identity, recipient} = await newIdentity()
  const keys = {directory: directory.path, identities: [identity]}
  const encrypted = {...keys, encryptTo: [recipient]}
  const {id: secret} = await new BackupManager(server.connection, encrypted).backupCollection(NAME)
  const told: string[] = []
  const onWarning = ({code}: {code: string}): void => {
    told.push(code)
  }

  const plain = await new ReplaceManager(server.connection, keys).replaceCollection(secret, {...QUICK, onWarning})
  expect(told).toEqual(['saved-in-the-clear'])
  expect(plain.warnings).toMatchObject([{code: 'saved-in-the-clear', details: {collection: NAME}}])
  const kept = await new ReplaceManager(server.connection, encrypted).replaceCollection(secret, QUICK)
  expect(kept.warnings).toEqual([])
  const saved = [plain, kept].map(({replaced}) => replaced?.saved ?? '')
  expect(saved.map((each) => path.extname(each))).toEqual(['.json', ''])
})

/** As if another program made the collection again, of one object, as soon as it is dropped. */
function besideAMaker(): Connection {
  const options = {className: NAME, dims: 4, objects: 1, properties: 1}
  return {
    ...server.connection,
    async deleteCollection(name: string) {
      await server.connection.deleteCollection(name)
      await fillCollection(server.connection, makeClass(options), makeObjects(options))
    },
  }
}

describe('a replacement beside a program that makes the collection again', () => {
  it('keeps in sight what was there first, and what came since', async () => {
    const spoilt = await restDump(server.url, NAME)
    const beside = besideAMaker()
    const failure = await new ReplaceManager(beside, {directory: directory.path})
      .replaceCollection(id, QUICK)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({code: 'COLLECTION_EXISTS', details: {saved: expect.any(String) as string}})
    const first = (failure as DataOpsError).details.saved as string
    // Until it is done, nobody removes what it may go back to, nor what it goes on with.
    const catalog = new BackupCatalog(directory.path)
    for (const backup of await catalog.list()) {
      await expect(catalog.remove(backup.id)).rejects.toMatchObject({code: 'STORAGE', details: {kept: backup.file}})
    }

    const again = await new ReplaceManager(beside, {directory: directory.path})
      .replaceCollection(id, QUICK)
      .catch((error: unknown) => error)
    expect(again).toMatchObject({code: 'COLLECTION_EXISTS', details: {saved: first}})
    const {details, hint} = again as DataOpsError
    const [since] = details.since as string[]
    expect(hint).toContain(since)
    const result = await manager().replaceCollection(id, QUICK)
    expect(result).toMatchObject({replaced: {earlier: [first, since], objectCount: 1}, restored: OBJECTS})
    expect(await restDump(server.url, NAME)).toEqual(good)
    const verifier = new Verifier({directory: directory.path})
    for (const [saved, objectCount] of [
      [first, 5],
      [since, 1],
      [result.replaced?.saved, 1],
    ] as const) {
      expect(await verifier.verifyBackup(saved ?? '')).toMatchObject({objectCount, problems: []})
    }

    await server.connection.deleteCollection(NAME)
    await new RestoreManager(server.connection).restoreCollection(first)
    expect([...(await restDump(server.url, NAME)).keys()]).toEqual([...spoilt.keys()])
    for (const backup of await catalog.list()) await catalog.remove(backup.id)
    expect(await catalog.list()).toEqual([])
  })
})

/** The newest whole backup of what was there, has it. */
async function expectSaved(spoilt: Map<string, unknown>, at: string | undefined): Promise<void> {
  const [newest] = await savedBackups()
  expect(newest, at).toMatchObject({object_count: spoilt.size, status: 'sealed'})
  const {problems} = await new Verifier({directory: directory.path}).verifyBackup(newest!.id)
  expect(problems, at).toEqual([])
}

it('that hides names goes on with what one says that did not, and leaves one word of it', async () => {
  const me = await newIdentity()
  const beside = besideAMaker()
  const hiding = {encryptTo: [me.recipient], hideNames: true, identities: [me.identity]}
  const details: Array<Record<string, unknown>> = []
  for (const keys of [{}, hiding]) {
    const failure = await new ReplaceManager(beside, {directory: directory.path, ...keys})
      .replaceCollection(id, QUICK)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({code: 'COLLECTION_EXISTS'})
    details.push((failure as DataOpsError).details)
    expect((await readdir(directory.path)).filter((name) => name.startsWith('.replace-'))).toHaveLength(1)
  }

  const [first, since] = [details[0]?.saved, ...(details[1]?.since as string[])]
  const result = await manager().replaceCollection(id, QUICK)
  expect(result).toMatchObject({replaced: {earlier: [first, since], objectCount: 1}, restored: OBJECTS})
})

it('drops nothing where one at another address has begun meanwhile', async () => {
  const marker = path.join(directory.path, `.replace-${NAME}.json`)
  const text = JSON.stringify({backup: id, saved: 'what-was-there', server: 'http://another:8080'})
  const there = await restDump(server.url, NAME)
  let isBegun = false
  const onProgress = (): void => {
    if (isBegun) return
    isBegun = true
    writeFileSync(marker, text)
  }

  await expect(manager().replaceCollection(id, {...QUICK, onProgress})).rejects.toMatchObject({
    code: 'CHECKPOINT',
    details: {server: 'http://another:8080'},
  })
  expect(isBegun).toBe(true)
  expect(await restDump(server.url, NAME)).toEqual(there)
  expect(await readFile(marker, 'utf8')).toBe(text)
})

describe('with changes on the way that leave nothing of a backup', () => {
  const none = {...QUICK, transforms: [transforms.where('id < "0"')]}
  const refusal = {
    code: 'INVALID_INPUT',
    message: `The changes leave none of the ${OBJECTS} objects of the backup: nothing would be left of "${NAME}".`,
  }

  it('drops nothing', async () => {
    const there = await restDump(server.url, NAME)
    await expect(manager().replaceCollection(id, none)).rejects.toMatchObject(refusal)
    expect(await restDump(server.url, NAME)).toEqual(there)
    expect(await savedBackups()).toEqual([])
  })

  it('switches no alias', async () => {
    await server.connection.deleteCollection(NAME)
    await makeCollection(server.connection, `${NAME}_v1`, 3, 4)
    await server.connection.createAlias(NAME, `${NAME}_v1`)
    await expect(manager().replaceCollection(id, none)).rejects.toMatchObject(refusal)
    expect(await server.connection.listAliases()).toEqual([{alias: NAME, collection: `${NAME}_v1`}])
    expect((await server.connection.listCollections()).map(({class: name}) => name)).toEqual([`${NAME}_v1`])
  })
})
