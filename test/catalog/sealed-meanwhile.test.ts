/** A backup that is sealed while the place is listed anew. */
import {rename} from 'node:fs/promises'
import path from 'node:path'
import {expect, it} from 'vitest'

import {journalName, METADATA_FILE} from '../../src/archive/names.js'
import {BackupCatalog, LocalStore} from '../../src/index.js'
import {temporaryDirectory} from '../support/collections.js'
import {writeSealedBackup} from '../support/sealed-backup.js'

it('is listed, and not said to be damaged', async () => {
  const directory = await temporaryDirectory()
  try {
    const {file, id, name} = await writeSealedBackup(directory.path, {format: 'parquet'})
    const aside = path.join(directory.path, 'aside')
    await rename(path.join(file, METADATA_FILE), aside)
    const store = new LocalStore(directory.path)
    const {stat} = store
    let looks = 0
    store.stat = async (key) => {
      // It was read in vain, and whether somebody is still writing it is asked next.
      if (key === journalName(name) && looks++ === 0) await rename(aside, path.join(file, METADATA_FILE))
      return stat.call(store, key)
    }

    expect(await new BackupCatalog(store).reindex()).toMatchObject({damaged: [], entries: [{file: name, id}]})
    expect(looks).toBeGreaterThan(0)
  } finally {
    await directory.remove()
  }
})
