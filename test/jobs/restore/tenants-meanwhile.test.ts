/** A tenant of the target that somebody switches off, or deletes, while it is written: no object is at fault, and the next run goes on. */
import {readdir} from 'node:fs/promises'
import {expect, it} from 'vitest'

import {BackupManager, RestoreManager} from '../../../src/index.js'
import {overlay} from '../../../src/model/overlay.js'
import {type Connection} from '../../../src/weaviate/connection.js'
import {writeAll} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'
import {hastyCheckpoints} from '../../support/hasty-checkpoints.js'

hastyCheckpoints()
const servers = embeddedServers()
const NAME = 'SwitchedOff'
const TENANTS = ['first', 'second']
const OBJECTS = 10

const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`

async function fill(connection: Connection): Promise<void> {
  await connection.createCollection({
    class: NAME,
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: [NAME], name: 'self'}],
    vectorizer: 'none',
  })
  await connection.createTenants(
    NAME,
    TENANTS.map((name) => ({name, status: 'HOT'})),
  )
  for (const tenant of TENANTS) {
    const objects = Array.from({length: OBJECTS}, (_, index) => ({
      id: idOf(index),
      properties: {self: [{beacon: `weaviate://localhost/${NAME}/${idOf(index)}`}]},
      tenant,
    }))
    await writeAll(connection, NAME, objects)
  }
}

it.each([
  ['made inactive', 'writeObjects'],
  ['made inactive', 'writeReferences'],
  ['deleted', 'writeObjects'],
] as const)('%s at %s', async (what, call) => {
  const [from, to] = [await servers.start(), await servers.start()]
  await fill(from.connection)
  const place = {directory: servers.directory}
  const {path} = await new BackupManager(from.connection, place).backupCollection(NAME)
  const before = await readdir(servers.directory)
  let isDone = false
  const meddle = async (objects: ReadonlyArray<{tenant?: string}>): Promise<void> => {
    if (isDone || objects.every(({tenant}) => tenant !== 'second')) return
    isDone = true
    await (what === 'deleted'
      ? fetch(`${to.url}/v1/schema/${NAME}/tenants`, {
          body: '["second"]',
          headers: {'content-type': 'application/json'},
          method: 'DELETE',
        })
      : to.connection.setTenantStatus(NAME, [{name: 'second', status: 'COLD'}]))
  }

  const meddled = overlay(to.connection, {
    async writeObjects(request: Parameters<Connection['writeObjects']>[0]) {
      if (call === 'writeObjects') await meddle(request.objects)
      return to.connection.writeObjects(request)
    },
    async writeReferences(request: Parameters<Connection['writeReferences']>[0]) {
      if (call === 'writeReferences') await meddle(request.objects)
      return to.connection.writeReferences(request)
    },
  })
  const options = {batchSize: 5, concurrency: 1, workers: 1}
  await expect(new RestoreManager(meddled, place).restoreCollection(path, options)).rejects.toMatchObject({
    code: 'SERVER_REFUSED',
    details: {resumable: true, tenant: 'second'},
    hint: expect.stringContaining('Run the same restore again to continue') as string,
    message: expect.stringContaining(`A tenant was ${what} while it was written`) as string,
  })
  expect(isDone).toBe(true)
  expect((await readdir(servers.directory)).some((name) => name.endsWith('.rejected.jsonl'))).toBe(false)
  const restored = await new RestoreManager(to.connection, place).restoreCollection(path, {...options, verify: true})
  expect(restored).toMatchObject({rejected: 0, verification: {equal: true}, warnings: []})
  expect(restored.restored + restored.resumed).toBe(OBJECTS * TENANTS.length)
  expect(await readdir(servers.directory)).toEqual(before)
})
