/** What a restore reads, by what it was called. */
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {OpenedSource, SourceToRestore} from './job.js'
import type {RestoreRunOptions} from './options.js'

import {openArchive} from '../../catalog/locate.js'
import {exportsToRestore} from './exports.js'

/** A backup, or each collection of an export. What cannot be opened is found out with the others. */
export async function sourcesOf(
  backup: string,
  given: {connection: Connection; options: RestoreRunOptions; store: Store},
  {isOnly}: {isOnly: boolean},
): Promise<SourceToRestore[]> {
  const {options, store} = given
  try {
    const exported = await exportsToRestore(backup, {...given, isOnly})
    return exported ?? [{backup, open: async () => openBackup(backup, store, options)}]
  } catch (error) {
    return [
      {
        backup,
        open() {
          throw error
        },
      },
    ]
  }
}

async function openBackup(backup: string, store: Store, options: RestoreRunOptions): Promise<OpenedSource> {
  const warnings: Warning[] = []
  const opened = await openArchive(backup, store, {
    acceptUnsealed: options.acceptChanged,
    onWarning(warning) {
      warnings.push(warning)
    },
  })
  return {source: opened.archive, store: opened.store, warnings}
}
