/** Jobs that read objects by their ids hold few large ones at a time. */
import {describe, expect, it} from 'vitest'

import {BackupManager, Verifier} from '../../src/index.js'
import {approximateBytes} from '../../src/model/object.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {type Connection} from '../../src/weaviate/connection.js'
import {embeddedServers} from '../support/embedded-servers.js'

const servers = embeddedServers()
const NAME = 'LargeById'
const COUNT = 24
const LARGE = 'QUJD'.repeat(375_000)
const MOST_BYTES = 16 * 1024 * 1024
const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`

async function write(connection: Connection, scan: string): Promise<void> {
  const schema = await connection.getCollection(NAME)
  if (!schema) {
    const properties = [{dataType: ['blob'], name: 'scan'}]
    await connection.createCollection({class: NAME, properties, vectorizer: 'none'})
  }

  const collection = planCollection((await connection.getCollection(NAME))!)
  for (let index = 0; index < COUNT; index++)
    await connection.writeObjects({collection, objects: [{id: idOf(index), properties: {scan}}]})
}

/** The connection, and what each read by id has brought. */
function counted(inner: Connection) {
  const reads: Array<{bytes: number; found: number}> = []
  const connection = Object.assign(Object.create(inner) as Connection, {
    async getObjects(request: Parameters<Connection['getObjects']>[0]) {
      const objects = await inner.getObjects(request)
      reads.push({bytes: objects.reduce((sum, object) => sum + approximateBytes(object), 0), found: objects.length})
      return objects
    },
  })
  return {connection, reads}
}

function expectFewAtATime(reads: ReadonlyArray<{bytes: number; found: number}>): void {
  expect(reads.reduce((sum, {found}) => sum + found, 0)).toBeGreaterThanOrEqual(COUNT)
  for (const {bytes} of reads) expect(bytes).toBeLessThanOrEqual(MOST_BYTES)
}

describe('few large objects at a time are read by id', () => {
  it('when a backup settles', async () => {
    const {connection: inner} = await servers.start()
    await write(inner, 'QUJD')
    const {connection, reads} = counted(inner)
    const included: string[] = []
    const readPage: Connection['readPage'] = async (request) => {
      // The first scan after all was read.
      if (request.include === 'ids' && included.at(-1) === 'objects') await write(inner, LARGE)
      included.push(request.include)
      return inner.readPage(request)
    }

    const backup = await new BackupManager(Object.assign(connection, {readPage}), {
      directory: servers.directory,
    }).backupCollection(NAME, {settle: true})
    expect(backup).toMatchObject({complete: true, objectCount: COUNT})
    expectFewAtATime(reads)
  })

  it('when what differs from a backup is looked at', async () => {
    const {connection: inner} = await servers.start()
    await write(inner, 'QUJD')
    const {id} = await new BackupManager(inner, {directory: servers.directory}).backupCollection(NAME)
    await write(inner, LARGE)
    const {connection, reads} = counted(inner)
    const compared = await new Verifier({connection, directory: servers.directory}).verifyCollection(NAME, id, {
      limit: COUNT,
    })
    expect(compared.differences).toMatchObject(Array.from({length: COUNT}, () => ({members: ['scan']})))
    expectFewAtATime(reads)
  })
})
