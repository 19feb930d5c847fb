import {DuckDBConnection} from '@duckdb/node-api'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {expect, it, vi} from 'vitest'

import {openArchive} from '../../../src/catalog/locate.js'
import {BackupQuery} from '../../../src/jobs/inspect/query.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {KINDS, makeBackup, makeObjects, SCHEMA} from '../verify/backups.js'

it('does not call a backup damaged that is whole, where DuckDB cannot open it', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'elysia-query-'))
  const kind = KINDS.find(({label}) => label === 'parquet')!
  const backup = await makeBackup(kind, SCHEMA, [makeObjects(3)], {directory})
  const failing = vi.spyOn(DuckDBConnection.prototype, 'run').mockRejectedValue(new Error('Out of Memory Error: no'))
  try {
    const opened = await openArchive(backup, new LocalStore(directory))
    await expect(BackupQuery.open(opened)).rejects.toMatchObject({
      code: 'UNEXPECTED',
      message: `DuckDB cannot open ${backup}: Out of Memory Error: no.`,
    })
  } finally {
    failing.mockRestore()
    await rm(directory, {recursive: true})
  }
})
