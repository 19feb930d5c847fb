/** Registers backups in the catalog of a folder: `register-worker.ts FOLDER FROM COUNT`; waits for a line on stdin to start. */
import {once} from 'node:events'

import {backupName, nextName} from '../../src/archive/names.js'
import {BackupCatalog} from '../../src/catalog/catalog.js'

const [folder = '', from = '', count = ''] = process.argv.slice(2)
const catalog = new BackupCatalog(folder)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
process.stdin.pause()
const startedAt = new Date('2024-02-01T10:30:00Z')
for (let index = Number(from); index < Number(from) + Number(count); index++) {
  await catalog.register({
    collection: 'Docs',
    file: nextName(backupName('Docs', startedAt, 'json', false), index + 1),
    format: 'json',
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    object_count: index,
    size: index,
    timestamp: startedAt.toISOString(),
  })
}
