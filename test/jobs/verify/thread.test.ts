import {expect, it} from 'vitest'

import {openArchive} from '../../../src/catalog/locate.js'
import {type ThreadCalls} from '../../../src/jobs/verify/thread-calls.js'
import {partThread} from '../../../src/jobs/verify/thread.js'
import {openStore, openStoreLike, setStoreDefaults, storeOpenedAs} from '../../../src/store/open.js'
import {temporaryDirectory} from '../../support/collections.js'
import {makeBackup, makeObject, SCHEMA} from './backups.js'

it('a thread opens other places, as that of an export, with what its process opens them with', async () => {
  const directory = await temporaryDirectory()
  const azureConnectionString = 'UseDevelopmentStorage=true'
  try {
    const backup = await makeBackup({compress: false, format: 'parquet'}, SCHEMA, [[makeObject(1)]], {
      directory: directory.path,
    })
    setStoreDefaults({azureConnectionString})
    const {archive, place} = await openArchive(backup, openStore(directory.path))
    const store = structuredClone(storeOpenedAs(place)!)
    // A thread begins with none.
    setStoreDefaults({})
    const thread = partThread(() => {
      throw new Error('nobody is asked')
    }) as unknown as ThreadCalls
    await thread.start({checksum: archive.seal!.checksum, keys: {}, name: archive.manifest.name, store})
    const other = openStoreLike('az://account/exports', place)
    expect(storeOpenedAs(other)?.options).toEqual({azureConnectionString})
  } finally {
    setStoreDefaults({})
    await directory.remove()
  }
})
