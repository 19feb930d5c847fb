/** Several collections in one go: whoever waits for one hears of it as soon as it is done, also when a later one fails. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager, type Connection, DataOpsError, RestoreManager} from '../../../src/index.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const FIRST = 'SeveralFirst'
const SECOND = 'SeveralSecond'

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  for (const name of [FIRST, SECOND]) await makeCollection(server.connection, name, 30)
})

afterAll(async () => {
  for (const name of [FIRST, SECOND]) await server.connection.deleteCollection(name)
  await server.close()
  await directory.remove()
})

/** A connection on which nothing of the second collection is counted. */
function failing(): Connection {
  return {
    ...server.connection,
    async count(name, tenant, signal) {
      if (name === SECOND) throw new DataOpsError('SERVER_REFUSED', 'Nothing is counted today.')
      return server.connection.count(name, tenant, signal)
    },
  }
}

it('announces a backup once it is sealed, and a restore once it is confirmed', async () => {
  const heard: string[] = []
  const place = {directory: directory.path}
  const onSealed = ({collection}: {collection: string}): void => {
    heard.push(`sealed ${collection}`)
  }

  await expect(
    new BackupManager(failing(), place).backupCollections([FIRST, SECOND], {onSealed}),
  ).rejects.toMatchObject({details: {collection: SECOND, finished: [{collection: FIRST}]}})
  expect(heard).toEqual([`sealed ${FIRST}`])

  const {backups} = await new BackupManager(server.connection, place).backupCollections([FIRST, SECOND], {onSealed})
  expect(heard.slice(1)).toEqual([`sealed ${FIRST}`, `sealed ${SECOND}`])

  for (const name of [FIRST, SECOND]) await server.connection.deleteCollection(name)
  const paths = backups.map(({path}) => path)
  const onConfirmed = ({
    collection,
    restored,
    resumed,
  }: {
    collection: string
    restored: number
    resumed: number
  }): void => {
    heard.push(`confirmed ${collection} ${restored + resumed}`)
  }

  heard.length = 0
  await expect(new RestoreManager(failing()).restoreCollections(paths, {onConfirmed})).rejects.toMatchObject({
    details: {collection: SECOND, finished: [{collection: FIRST}]},
  })
  expect(heard).toEqual([`confirmed ${FIRST} 30`])
  await new RestoreManager(server.connection).restoreCollections(paths, {onConfirmed})
  expect(heard.slice(1)).toEqual([`confirmed ${FIRST} 30`, `confirmed ${SECOND} 30`])
})

it('takes patterns, leaves out what is excluded, and goes on past a failure', async () => {
  for (const name of [FIRST, SECOND]) {
    await server.connection.deleteCollection(name)
    await makeCollection(server.connection, name, 5)
  }

  const place = {directory: directory.path}
  const names = async (...given: Parameters<BackupManager['backupCollections']>): Promise<string[]> =>
    (await new BackupManager(server.connection, place).backupCollections(...given)).backups.map(
      ({collection}) => collection,
    )
  const options = {dryRun: true}
  expect(await names(['Several*'], options)).toEqual([FIRST, SECOND])
  expect(await names(['Several*'], {...options, exclude: ['*Second']})).toEqual([FIRST])
  expect(await names([FIRST.toLowerCase()], options)).toEqual([FIRST])
  await expect(names(['Nothing*'], options)).rejects.toMatchObject({code: 'COLLECTION_MISSING'})

  const {backups, failed} = await new BackupManager(failing(), place).backupCollections(
    [SECOND, 'SeveralMissing', FIRST],
    {keepGoing: true},
  )
  expect(backups).toMatchObject([{collection: FIRST, objectCount: 5}])
  expect(failed?.map(({collection, error}) => [collection, error.code])).toEqual([
    ['SeveralMissing', 'COLLECTION_MISSING'],
    [SECOND, 'SERVER_REFUSED'],
  ])
})
