import {Args, Flags} from '@oclif/core'

import type {RetentionPolicy} from '../../src/catalog/retention.js'

import {type BackupEntry, backupEntry, backupTable, noBackups} from '../../src/cli/backup-entry.js'
import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {modeFlag, placeFlags} from '../../src/cli/flags.js'
import {formatBytes} from '../../src/cli/format.js'
import {isPlaceThere} from '../../src/cli/place.js'
import {plural} from '../../src/model/plural.js'

export interface BackupPruneResult {
  dryRun: boolean
  /** Newest first; `reasons` says why each is kept. */
  kept: Array<BackupEntry & {reasons: string[]}>
  /** What was removed, or would be. */
  removed: BackupEntry[]
}

const count = (description: string) => Flags.integer({description, helpValue: '<n>', min: 0})

export default class BackupPrune extends DataOpsCommand {
  static override summary = 'Remove old backups.'

  static override usage = '<%= command.id %> [COLLECTION] [flags]'

  static override description = `A backup is kept when any rule keeps it; rules count for each collection by itself. Never removed: the last good backup of a collection, damaged ones, and files of other programs. Backups of all tenants, of some, incomplete ones and those of the schema alone are counted apart, none in place of another; a backup goes only on account of one that holds the same and whose every byte was just read and found right.`

  static override args = {
    collection: Args.string({description: 'Only backups of this collection.', ignoreStdin: true}),
  }

  static override flags = {
    ...placeFlags,
    mode: modeFlag,
    'dry-run': Flags.boolean({default: false, description: 'Say what would go; remove nothing.'}),
    'keep-daily': count('Keep the newest of each of the last days that have any.'),
    'keep-last': count('Keep the newest; default 5, also beside other rules.'),
    'keep-monthly': count('Keep the newest of each of the last months that have any.'),
    'keep-weekly': count('Keep the newest of each of the last weeks that have any.'),
    'keep-within': Flags.string({
      description: 'Keep everything younger than this: 12h, 30d, 2w.',
      helpValue: '<duration>',
    }),
  }

  static override examples = examples(
    ['--keep-last 5 --dry-run', 'What would go?'],
    ['Article --keep-last 2 --keep-daily 7 --keep-monthly 12', 'A week of days, a year of months'],
  )

  async run(): Promise<BackupPruneResult> {
    const {args, flags} = await this.parse(BackupPrune)
    await isPlaceThere(flags.output, this.placeFrom ?? 'the default')
    const {catalog, store} = await this.catalogIn(flags.output, this.operation({}))
    const policy: RetentionPolicy = {
      keepDaily: flags['keep-daily'],
      keepLast: flags['keep-last'],
      keepMonthly: flags['keep-monthly'],
      keepWeekly: flags['keep-weekly'],
      keepWithin: flags['keep-within'],
    }
    const isDryRun = flags['dry-run']
    const outcome = await catalog.prune(policy, {collection: args.collection, dryRun: isDryRun})
    const kept = outcome.kept.map((backup) => ({
      ...backupEntry(backup, store),
      reasons: outcome.reasons[backup.file] ?? [],
    }))
    if (args.collection !== undefined && kept.length === 0 && outcome.removed.length === 0)
      this.warnOf({message: noBackups(store.describe(''), args.collection, await catalog.list())})
    const removed = outcome.removed.map((backup) => backupEntry(backup, store))
    const bytes = removed.reduce((sum, backup) => sum + backup.bytes, 0)
    this.print([
      `${isDryRun ? 'Would remove' : 'Removed'} ${plural(removed.length, 'backup')} (${formatBytes(bytes)}), kept ${kept.length}`,
      ...(removed.length > 0 ? backupTable(removed, this.tableWidth) : []),
    ])
    return {dryRun: isDryRun, kept, removed}
  }
}
