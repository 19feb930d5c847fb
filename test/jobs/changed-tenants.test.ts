/** A tenant that somebody else offloads, deactivates or deletes while a job has it active: it stays as that one wants it, and the others are put back. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {Connection} from '../../src/weaviate/connection.js'

import {BackupManager, ClearManager, DataOpsError, RestoreManager, Verifier} from '../../src/index.js'
import {overlay} from '../../src/model/overlay.js'
import {temporaryDirectory, writeAll} from '../support/collections.js'
import {cannotOffload, NO_OFFLOAD, serverThatOffloads} from '../support/server-that-offloads.js'

let server: Awaited<ReturnType<typeof serverThatOffloads>>
const NAME = 'ChangedTenants'
const STATES = {active: 'HOT', changed: 'COLD', other: 'COLD'} as const

beforeAll(async () => {
  server = await serverThatOffloads()
})
afterAll(async () => server.close())

async function fill(connection: Connection): Promise<void> {
  await connection.deleteCollection(NAME)
  await connection.createCollection({class: NAME, multiTenancyConfig: {enabled: true}, vectorizer: 'none'})
  const names = Object.keys(STATES)
  await connection.createTenants(
    NAME,
    names.map((name) => ({name, status: 'HOT'})),
  )
  for (const [at, tenant] of names.entries()) {
    const ids = Array.from(
      {length: 5},
      (_, index) => `00000000-0000-4000-8000-00000000000${at}`.slice(0, -2) + `${index}${at}`,
    )
    await writeAll(
      connection,
      NAME,
      ids.map((id) => ({id, properties: {}, tenant})),
    )
  }

  await connection.setTenantStatus(
    NAME,
    names.flatMap((name) => (name === 'active' ? [] : [{name, status: 'COLD'}])),
  )
}

type Job = (place: {connection: Connection; directory: string; first: string}) => Promise<unknown>

const jobs: Array<[name: string, run: Job]> = [
  ['backup', async ({connection, directory}) => new BackupManager(connection, {directory}).backupCollection(NAME)],
  [
    'comparison',
    async ({connection, directory, first}) => new Verifier({connection, directory}).verifyCollection(NAME, first),
  ],
  [
    'restore',
    async ({connection, directory, first}) =>
      new RestoreManager(connection, {directory}).restoreCollection(first, {merge: true}),
  ],
  [
    'count',
    async ({connection, directory}) => new ClearManager(connection, {directory}).clearCollection(NAME, {dryRun: true}),
  ],
  ['clear', async ({connection, directory}) => new ClearManager(connection, {directory}).clearCollection(NAME)],
]

it.for(
  jobs.flatMap(([name, run]) => (['FROZEN', 'COLD', 'deleted'] as const).map((change) => [name, change, run] as const)),
)('a %s: %s', async ([, change, run], {skip}) => {
  const {connection, url} = server
  skip(change === 'FROZEN' && (await cannotOffload(connection)), NO_OFFLOAD)
  await fill(connection)
  const {path: directory, remove} = await temporaryDirectory()
  const first = (await new BackupManager(connection, {directory}).backupCollection(NAME)).path
  let isChanged = false
  const meddle = async (): Promise<void> => {
    const [now] = await connection.listTenants(NAME, ['changed'])
    if (isChanged || now?.status !== 'HOT') return
    isChanged = true
    if (change === 'deleted') {
      const headers = {'content-type': 'application/json'}
      await fetch(`${url}/v1/schema/${NAME}/tenants`, {body: '["changed"]', headers, method: 'DELETE'})
    } else await connection.setTenantStatus(NAME, [{name: 'changed', status: change}])
  }

  const meddled =
    <A extends unknown[], R>(call: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      await meddle()
      return call(...given)
    }

  const watched = overlay(connection, {
    count: meddled(connection.count),
    deleteObjects: meddled(connection.deleteObjects),
    readPage: meddled(connection.readPage),
    writeObjects: meddled(connection.writeObjects),
  })
  // Some of it can be read or written no more: that may be an error.
  await run({connection: watched, directory, first}).catch((error: unknown) => {
    if (!(error instanceof DataOpsError)) throw error
  })
  expect(isChanged).toBe(true)
  const states = Object.fromEntries((await connection.listTenants(NAME)).map(({name, status}) => [name, status]))
  const {changed: _changed, ...others} = STATES
  expect(states).toEqual({...others, ...(change !== 'deleted' && {changed: change})})
  await connection.deleteCollection(NAME)
  await remove()
})
