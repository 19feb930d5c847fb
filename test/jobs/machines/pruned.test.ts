/** A place that is pruned while a job of several machines has not begun on what it planned, hours ago. */
import {readdir, utimes, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {newIdentity} from '../../../src/codec/age/header.js'
import {Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {withEncryption} from '../../../src/store/encryption.js'
import {openStore} from '../../../src/store/open.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {tidied} from '../../support/tidied.js'

const NAME = 'MachinesPruned'
const HOURS = 7_200_000

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: TestServer
let encrypting: {encryptTo: string[]; identities: string[]}

beforeAll(async () => {
  server = await startTestServer()
  await makeCollection(server.connection, NAME, 20, 4)
  const {identity, recipient} = await newIdentity()
  encrypting = {encryptTo: [recipient], identities: [identity]}
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => directory.remove())

const placeOf = (isEncrypted: boolean) => withEncryption(openStore(directory.path), isEncrypted ? encrypting : {})

/** What was written of the backup so far is as old as that. */
async function age(): Promise<string> {
  const folder = (await readdir(directory.path)).find((name) => name.startsWith(NAME)) ?? ''
  const then = new Date(Date.now() - HOURS)
  for (const name of await readdir(path.join(directory.path, folder)))
    await utimes(path.join(directory.path, folder, name), then, then)
  await utimes(path.join(directory.path, folder), then, then)
  return folder
}

describe('a job that waits for its workers while its place is pruned', () => {
  it.each([true, false])('keeps what it has put there, its key above all (encrypted: %s)', async (isEncrypted) => {
    const store = placeOf(isEncrypted)
    const jobs = new JobManager({store})
    const {id} = await jobs.createBackup(server.connection, [NAME])
    const folder = await age()
    const before = await readdir(path.join(directory.path, folder))
    expect(await tidied(placeOf(isEncrypted))).toEqual([])
    expect(await readdir(path.join(directory.path, folder))).toEqual(before)

    const {end, sealed} = await jobs.work(server.connection, id)
    expect(end).toBe('done')
    const found = await new Verifier({store}).verifyBackup(sealed[0]?.id ?? '')
    expect(found).toMatchObject({objectCount: 20, problems: []})
  })

  it('keeps nothing of a job that was cancelled, and all of one that is not understood', async () => {
    const jobs = new JobManager({store: placeOf(true)})
    const {id, path: job} = await jobs.createBackup(server.connection, [NAME])
    await writeFile(path.join(job, 'plan.json'), '{"kind": "backup", "works": [{"called": "otherwise"}]}')
    const folder = await age()
    expect(await tidied(placeOf(true))).toEqual([])
    expect(await readdir(directory.path)).toContain(folder)

    await writeFile(path.join(directory.path, '.jobs', id, 'cancelled.json'), '{}')
    expect(await tidied(placeOf(true))).toEqual(['unfinished-removed'])
    expect(await readdir(directory.path)).not.toContain(folder)
  })
})
