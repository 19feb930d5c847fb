import {Args, Flags} from '@oclif/core'

import type {ListedBackup} from '../../src/catalog/catalog.js'
import type {Store} from '../../src/store/store.js'

import {type BackupEntry, backupEntry} from '../../src/cli/backup-entry.js'
import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {placeFlags} from '../../src/cli/flags.js'
import {formatBytes} from '../../src/cli/format.js'
import {oneToRemove} from '../../src/cli/one-to-change.js'
import {ask, canAsk} from '../../src/cli/prompt.js'
import {DataOpsError} from '../../src/model/errors.js'
import {plural} from '../../src/model/plural.js'

export default class BackupRemove extends DataOpsCommand {
  static override summary = 'Remove a backup, its files and its entry.'

  static override usage = '<%= command.id %> BACKUP [flags]'

  static override description = `On a terminal a yes has to be typed; elsewhere --force is required. A backup whose files are gone loses its entry; where a removal was cut off, the same command finishes it, and removes no other, whatever Article@latest stands for by then.`

  static override args = {
    backup: Args.string({
      description:
        'Id (or the beginning of it), name or path of a backup in the folder; Article@latest, Article@2026-02-01.',
      ignoreStdin: true,
      required: true,
    }),
  }

  static override flags = {
    ...placeFlags,
    force: Flags.boolean({description: 'Do not ask.'}),
  }

  static override examples = examples(['5f0c', 'Asks first'], ['5f0c --force', 'In a script'])

  async #confirm(backup: ListedBackup, reference: string, store: Store): Promise<void> {
    const unconfirmed = (hint?: string) =>
      new DataOpsError('NOT_CONFIRMED', `Removing backup ${reference} was not confirmed; nothing was changed.`, {hint})
    if (!canAsk()) throw unconfirmed('Where nobody can be asked, say --force.')
    const what = `${store.describe(backup.file)} (${backup.object_count === undefined ? 'an unknown number of objects' : plural(backup.object_count, 'object')}, ${formatBytes(backup.size)})`
    const answer = await ask(`This removes ${what}. Type yes to confirm: `)
    if (answer?.toLowerCase() !== 'yes') throw unconfirmed()
  }

  async run(): Promise<{removed: BackupEntry}> {
    const {args, flags} = await this.parse(BackupRemove)
    const {catalog, store} = await this.catalogIn(flags.output, this.operation({}))
    const reference = await oneToRemove(args.backup, store, this.warnOf)
    this.operation({replace: new Map([[args.backup, [reference]]])})
    const confirm = async (backup: ListedBackup): Promise<void> => this.#confirm(backup, args.backup, store)
    const removed = backupEntry(await catalog.remove(reference, flags.force ? {} : {confirm}), store)
    this.print([`Removed backup ${removed.id} of ${removed.collection || 'a hidden collection'}: ${removed.path}`])
    return {removed}
  }
}
