import {expect, it} from 'vitest'

import {BackupManager, connect} from '../../../src/index.js'
import {startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {makeCollection, temporaryDirectory} from '../../support/collections.js'

it('takes what a listing hides for what it is, not for deleted: by its id it is there', async () => {
  let isHiding = false
  const server = await startEmbeddedWeaviate({
    page: ({ids, transport}) => (isHiding && transport === 'grpc' ? ids.filter((id) => !/[0-7]$/.test(id)) : ids),
  })
  const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  const directory = await temporaryDirectory()
  try {
    await makeCollection(connection, 'Hidden', 60)
    isHiding = true
    const backup = await new BackupManager(connection, {directory: directory.path}).backupCollection('Hidden', {
      settle: true,
    })
    expect(backup).toMatchObject({complete: true, objectCount: 60})
  } finally {
    await connection.close()
    await server.close()
    await directory.remove()
  }
})
