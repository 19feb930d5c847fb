/** What a restore reads, by what it was called. */
import type {OpenedSource, SourceToRestore} from './job.js'

import {openArchive} from '../../catalog/locate.js'
import {keptWarnings} from '../options.js'
import {startPartThreads} from '../verify/part-threads.js'
import {exportsToRestore, type ToOpen} from './exports.js'

/** A backup, or each collection of an export. What cannot be opened is found out with the others. */
export async function sourcesOf(backup: string, given: ToOpen): Promise<SourceToRestore[]> {
  try {
    return (await exportsToRestore(backup, given)) ?? [{backup, open: async () => openBackup(backup, given)}]
  } catch (error) {
    const open = (): never => {
      throw error
    }

    return [{backup, open}]
  }
}

async function openBackup(backup: string, {options, store}: ToOpen): Promise<OpenedSource> {
  const {onWarning, warnings} = keptWarnings()
  const opened = await openArchive(backup, store, {acceptUnsealed: options.acceptChanged, onWarning})
  // Nothing is written until every byte was looked at: by threads where there is much, since each costs 50 MB with a cloud's SDK.
  const {workers} = options
  const source = opened.archive.checkedBy(async ({signal}) =>
    startPartThreads(opened, {isFrugal: true, quick: true, signal, workers}),
  )
  return {source, store: opened.store, warnings}
}
