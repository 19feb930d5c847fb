/** Encrypted backups, in every format: what they hold, who reads them, and what shows without a key. */
import {cp, readdir, readFile, unlink, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {Warning} from '../../../src/model/progress.js'

import {coverDocument, readCover} from '../../../src/archive/encrypted/cover.js'
import {SCRYPT} from '../../../src/archive/encrypted/key-file.js'
import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, type BackupResult, RestoreManager, Verifier} from '../../../src/index.js'
import {verifyCovered} from '../../../src/jobs/verify/covered.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {withEncryption} from '../../../src/store/encryption.js'
import {openStore} from '../../../src/store/open.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'EncryptedDocs'
const FORMATS = [
  {compress: false, format: 'json'},
  {compress: true, format: 'json'},
  {compress: false, format: 'parquet'},
  {compress: false, format: 'arrow'},
] as const

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let me: {identity: string; recipient: string}
let other: {identity: string; recipient: string}
const backups: BackupResult[] = []

beforeAll(async () => {
  SCRYPT.logN = 6
  server = await startTestServer()
  directory = await temporaryDirectory()
  ;[me, other] = await Promise.all([newIdentity(), newIdentity()])
  await makeCollection(server.connection, NAME, 40)
  for (const options of FORMATS) {
    const manager = new BackupManager(server.connection, {
      directory: directory.path,
      encryptTo: [me.recipient, other.recipient],
    })
    backups.push(await manager.backupCollection(NAME, options))
  }
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
  await directory.remove()
})

it('is not called damaged where this release does not know what is inside, or it cannot be read', async () => {
  const {path: file} = backups[0]!
  const identities = {identities: [me.identity]}
  const store = withEncryption(openStore(directory.path), identities)
  const requires = new DataOpsError('NOT_A_BACKUP', 'It requires time travel.', {details: {requires: 'time-travel'}})
  const unread = new DataOpsError('STORAGE', 'Permission was denied.')
  for (const error of [requires, unread]) await expect(verifyCovered(file, store, {error})).rejects.toBe(error)
  const damage = new DataOpsError('BACKUP_DAMAGED', 'Its end is missing.')
  await expect(verifyCovered(file, store, {error: damage})).resolves.toMatchObject({
    problems: [{file, message: 'Its end is missing.'}],
  })
})

describe.each(FORMATS.map((options, index) => ({...options, index})))('$format, compressed: $compress', ({index}) => {
  const backup = (): BackupResult => backups[index]!

  it('shows who has no key no more than a list needs', async () => {
    expect(backup()).toMatchObject({encrypted: true, objectCount: 40})
    const files = await readdir(backup().path)
    const clear = files.filter((file) => !file.endsWith('.age'))
    expect(clear).toEqual(['metadata.json'])
    expect(files.filter((file) => file.startsWith('key-1-'))).toHaveLength(1)
    for (const file of files) {
      if (!file.endsWith('.age')) continue
      expect((await readFile(path.join(backup().path, file))).toString('latin1', 0, 22)).toBe('age-encryption.org/v1\n')
    }

    const cover = await readFile(path.join(backup().path, 'metadata.json'), 'utf8')
    expect(cover).toContain('"requires":["age"]')
    const {properties} = (await server.connection.getCollection(NAME))!
    expect(properties!.length).toBeGreaterThan(0)
    for (const {name} of properties!) expect(cover).not.toContain(`"${name}"`)
    expect(cover).not.toContain(backup().digest)
    const bytes = await Promise.all(files.map(async (file) => (await readFile(path.join(backup().path, file))).length))
    expect(backup().bytes).toBe(bytes.reduce((sum, size) => sum + size, 0))
    const listed = await new BackupCatalog(directory.path).find(backup().id)
    expect(listed).toMatchObject({
      collection: NAME,
      encrypted: true,
      object_count: 40,
      server: expect.stringContaining(server.connection.describe) as string,
      size: backup().bytes,
      status: 'sealed',
    })
  })

  it('is checked without a key with `quick`, and not opened without or with another', async () => {
    const quick = await new Verifier({directory: directory.path}).verifyBackup(backup().path, {quick: true})
    expect(quick).toMatchObject({id: backup().id, objectCount: 40, problems: []})
    expect(quick.warnings.join(' ')).toContain('without a key')
    const before = await readdir(directory.path)
    const stranger = await newIdentity()
    for (const [keys, words] of [
      [{}, 'is encrypted'],
      [{identities: [stranger.identity]}, 'The identity that was given does not open'],
      [{passphrase: 'guess'}, 'The passphrase that was given does not open'],
      [{identities: ['AGE-SECRET-KEY-1NONSENSE']}, 'Identity 1 is no identity'],
    ] as const) {
      const refused = {code: 'INVALID_INPUT', message: expect.stringContaining(words) as string}
      const place = {directory: directory.path, ...keys}
      await expect(new Verifier(place).verifyBackup(backup().path)).rejects.toMatchObject(refused)
      await expect(
        new RestoreManager(server.connection, place).restoreCollection(backup().path, {name: 'EncryptedNo'}),
      ).rejects.toMatchObject(refused)
    }

    expect(await server.connection.getCollection('EncryptedNo')).toBeUndefined()
    expect(await readdir(directory.path)).toEqual(before)
  })

  it('is verified, compared and restored by each recipient', async () => {
    for (const {identity} of [me, other]) {
      const place = {directory: directory.path, identities: [identity]}
      const verified = await new Verifier(place).verifyBackup(backup().path)
      expect(verified).toMatchObject({bytes: backup().bytes, digest: backup().digest, objectCount: 40, problems: []})
      // As it can be named again, not as the file in it.
      expect(verified.path).toBe(backup().path)
      expect((await new Verifier(place).verifyBackup(backup().path, {quick: true})).problems).toEqual([])
      const verifier = new Verifier({...place, connection: server.connection})
      expect(await verifier.verifyCollection(NAME, backup().id)).toMatchObject({equal: true})
    }

    const name = `EncryptedCopy${index}`
    const manager = new RestoreManager(server.connection, {directory: directory.path, identities: [me.identity]})
    const restored = await manager.restoreCollection(backup().path, {name, verify: true})
    expect(restored).toMatchObject({restored: 40})
    await server.connection.deleteCollection(name)
  })

  it('is compared with another backup, by who can open it', async () => {
    const [first] = backups
    const place = {directory: directory.path, identities: [me.identity]}
    expect(await new Verifier(place).diffBackups(backup().path, first!.path)).toMatchObject({
      a: {backupId: backup().id, collection: NAME, path: backup().path},
      b: {path: first!.path},
      equal: true,
    })
    for (const sides of [
      [backup().path, first!.path],
      [first!.path, backup().path],
    ] as const) {
      await expect(new Verifier({directory: directory.path}).diffBackups(...sides)).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('is encrypted') as string,
      })
    }
  })

  it('changes hands: whoever could read it cannot any more, its data stays', async () => {
    const elsewhere = await temporaryDirectory()
    const copy = path.join(elsewhere.path, path.basename(backup().path))
    await cp(backup().path, copy, {recursive: true})
    try {
      const data = (await readdir(copy)).filter((file) => !file.startsWith('key-'))
      const before = await Promise.all(data.map(async (file) => readFile(path.join(copy, file))))
      const next = await newIdentity()
      const catalog = new BackupCatalog(elsewhere.path, {identities: [me.identity]})
      await catalog.rekey(path.basename(copy), {encryptTo: [next.recipient]})
      expect((await readdir(copy)).filter((file) => file.startsWith('key-2-'))).toHaveLength(1)
      expect((await readdir(copy)).filter((file) => file.startsWith('key-'))).toHaveLength(1)
      expect(await Promise.all(data.map(async (file) => readFile(path.join(copy, file))))).toEqual(before)
      await expect(
        new Verifier({directory: directory.path, identities: [me.identity]}).verifyBackup(copy),
      ).rejects.toMatchObject({code: 'INVALID_INPUT'})
      const verifier = new Verifier({directory: directory.path, identities: [next.identity]})
      expect((await verifier.verifyBackup(copy)).problems).toEqual([])
      await expect(catalog.rekey(path.basename(copy), {})).rejects.toMatchObject({code: 'INVALID_INPUT'})
    } finally {
      await elsewhere.remove()
    }
  })

  it('is damaged by a file of another backup in the place of its own, and by another cover', async () => {
    const elsewhere = await temporaryDirectory()
    const copy = path.join(elsewhere.path, path.basename(backup().path))
    const another = backups[(index + 1) % backups.length]!
    await cp(backup().path, copy, {recursive: true})
    const verifier = new Verifier({directory: directory.path, identities: [me.identity]})
    try {
      for (const file of await readdir(copy)) {
        if (file.startsWith('key-')) continue
        const own = await readFile(path.join(copy, file))
        const from = (await readdir(another.path)).find(
          (name) => name.split('.').at(-1) === file.split('.').at(-1) && !name.startsWith('key-'),
        )!
        await writeFile(path.join(copy, file), await readFile(path.join(another.path, from)))
        for (const quick of [false, true]) {
          const found = await verifier
            .verifyBackup(copy, {quick})
            .then(({problems}) => problems.length > 0)
            .catch((error: unknown) => (error as {code: string}).code === 'BACKUP_DAMAGED')
          expect(found, `${file} replaced by ${from}, quick: ${quick}`).toBe(true)
        }

        await writeFile(path.join(copy, file), own)
      }

      expect((await verifier.verifyBackup(copy)).problems).toEqual([])
    } finally {
      await elsewhere.remove()
    }
  })
})

it('is damaged without any of its files, and not said to lack a key', async () => {
  const elsewhere = await temporaryDirectory()
  const verifier = new Verifier({directory: elsewhere.path, identities: [me.identity]})
  try {
    for (const {path: file} of backups) {
      const copy = path.join(elsewhere.path, path.basename(file))
      await cp(file, copy, {recursive: true})
      const files = (await readdir(copy)).filter((each) => each.endsWith('.age') && !each.startsWith('key-'))
      expect(files.length).toBeGreaterThan(0)
      for (const name of files) {
        const bytes = await readFile(path.join(copy, name))
        await unlink(path.join(copy, name))
        const {problems} = await verifier.verifyBackup(copy)
        expect(
          problems.map((problem) => problem.message),
          name,
        ).toContain('It is missing.')
        await writeFile(path.join(copy, name), bytes)
      }
    }
  } finally {
    await elsewhere.remove()
  }
})

it('is damaged by a cover that says another server', async () => {
  const elsewhere = await temporaryDirectory()
  const {path: file} = backups[2]!
  const copy = path.join(elsewhere.path, path.basename(file))
  await cp(file, copy, {recursive: true})
  const store = openStore(elsewhere.path)
  const cover = (await readCover(store, path.basename(file)))!
  expect(cover.server).toContain(server.connection.describe)
  const verifier = new Verifier({directory: directory.path, identities: [me.identity]})
  try {
    // One of an earlier release says none.
    for (const [said, isRight] of [
      ['http://another:8080', false],
      [undefined, true],
    ] as const) {
      await writeFile(path.join(copy, 'metadata.json'), coverDocument({...cover, server: said}))
      const {problems} = await verifier.verifyBackup(copy)
      expect(problems.map(({message}) => message.includes('The server is http://another:8080'))).toEqual(
        isRight ? [] : [true],
      )
    }
  } finally {
    await elsewhere.remove()
  }
})

it('is encrypted with a passphrase where nobody else is named', async () => {
  const place = {directory: directory.path, passphrase: 'twelve small bells'}
  const backup = await new BackupManager(server.connection, place).backupCollection(NAME, {format: 'parquet'})
  expect((await new Verifier(place).verifyBackup(backup.path)).problems).toEqual([])
  await expect(
    new Verifier({directory: directory.path, passphrase: 'thirteen small bells'}).verifyBackup(backup.path),
  ).rejects.toMatchObject({code: 'INVALID_INPUT'})
  for (const file of await readdir(backup.path)) {
    expect((await readFile(path.join(backup.path, file))).includes('twelve small bells')).toBe(false)
  }
})

it('hides what it is a backup of where that is wished, from the name on; a key tells', async () => {
  const place = {directory: directory.path, encryptTo: [me.recipient], hideNames: true}
  const backup = await new BackupManager(server.connection, place).backupCollection(NAME, {format: 'arrow'})
  expect(path.basename(backup.path)).toMatch(/^Encrypted_/)
  const cover = await readFile(path.join(backup.path, 'metadata.json'), 'utf8')
  expect(cover).not.toContain(NAME)
  expect(cover).not.toContain(server.connection.describe)
  expect(cover).not.toContain('"server"')
  expect(cover).toContain('"object_count":0')
  expect(await new BackupCatalog(directory.path).find(backup.id)).toMatchObject({collection: '', encrypted: true})
  expect((await new BackupCatalog(directory.path).find(backup.id))!.object_count).toBeUndefined()
  const catalog = await readFile(path.join(directory.path, '.backup_catalog.json'), 'utf8')
  const entry = (JSON.parse(catalog) as Array<{id: string}>).find(({id}) => id === backup.id)
  expect(JSON.stringify(entry)).not.toContain(NAME)
  expect(JSON.stringify(entry)).not.toContain(server.connection.describe)
  const keyed = new BackupCatalog(directory.path, {identities: [me.identity]})
  expect(await keyed.find(backup.id)).toMatchObject({
    collection: NAME,
    object_count: 40,
    server: expect.stringContaining(server.connection.describe) as string,
  })
  const verifier = new Verifier({directory: directory.path, identities: [me.identity]})
  expect((await verifier.verifyBackup(backup.id)).problems).toEqual([])
  // Who asks for those of a collection without a key is told that there may be more.
  const told: Warning[] = []
  const onWarning = (warning: Warning): void => {
    told.push(warning)
  }

  const files = [path.basename(backup.path)]
  const unkeyed = new BackupCatalog(directory.path, {onWarning})
  expect((await unkeyed.list({collection: NAME})).map(({id}) => id)).not.toContain(backup.id)
  await unkeyed.prune({}, {collection: NAME, dryRun: true})
  const hidden = {code: 'backups-hidden', details: {collection: NAME, files: expect.arrayContaining(files) as string[]}}
  expect(told).toMatchObject([hidden, hidden])
  const withKey = new BackupCatalog(directory.path, {identities: [me.identity], onWarning})
  expect((await withKey.list({collection: NAME})).map(({id}) => id)).toContain(backup.id)
  expect(told).toHaveLength(2)
})

it('refuses what cannot be encrypted to before anything is written', async () => {
  const empty = await temporaryDirectory()
  for (const options of [
    {encryptTo: ['age1nonsense']},
    {encryptTo: [me.identity]},
    {hideNames: true},
    {passphrase: ''},
  ]) {
    const manager = new BackupManager(server.connection, {directory: empty.path, ...options})
    const error: unknown = await manager.backupCollection(NAME).catch((error_: unknown) => error_)
    expect(error).toMatchObject({code: 'INVALID_INPUT'})
    expect((error as Error).message).not.toContain(me.identity)
  }

  expect(await readdir(empty.path)).toEqual([])
  await empty.remove()
})
