import {Args, Flags} from '@oclif/core'

import type {BackupCatalog} from '../../src/catalog/catalog.js'
import type {RetentionPolicy} from '../../src/catalog/retention.js'

import {DEFAULT_GROUPING, type Grouping, GROUPINGS} from '../../src/catalog/grouping.js'
import {type BackupEntry, backupEntry, backupTable, noBackups} from '../../src/cli/backup-entry.js'
import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {modeFlag, placeFlags} from '../../src/cli/flags.js'
import {formatBytes} from '../../src/cli/format.js'
import {isPlaceThere} from '../../src/cli/place.js'
import {groupLines} from '../../src/cli/prune-groups.js'
import {exitAtLeast} from '../../src/cli/several.js'
import {plural} from '../../src/model/plural.js'

export interface BackupPruneResult {
  dryRun: boolean
  /** What was counted by itself. */
  groupBy: Grouping
  /** Newest first; `reasons` says why each is kept. */
  kept: Array<BackupEntry & {reasons: string[]}>
  /** Paths of what killed runs left and no backup needs; removed with it, or would be. */
  leftovers: string[]
  /** What was removed, or would be. */
  removed: BackupEntry[]
  /** What could not be looked at now: it stays, and nothing goes on its account. */
  unread?: Array<{path: string; reason: string}>
}

const count = (description: string) => Flags.integer({description, helpValue: '<n>', min: 0})

export default class BackupPrune extends DataOpsCommand {
  static override summary = 'Remove old backups.'

  static override usage = '<%= command.id %> [COLLECTION] [flags]'

  static override description = `A backup is kept when any rule keeps it; rules count for each collection of each server by itself, by the address that it was taken from, and nothing goes on account of another's. Backups of earlier releases do not say their server, and are counted by themselves. Never removed: the last good backup of a collection, damaged ones, and files of other programs. Backups of all tenants, of some, incomplete ones and those of the schema alone are counted apart, none in place of another; a backup goes only on account of one that holds the same and whose every byte was just read and found right. What killed runs left an hour ago or more, and nobody can continue, goes as well. What cannot be looked at now stays, nothing goes on its account, and the exit code is 3.`

  static override args = {
    collection: Args.string({description: 'Only backups of this collection.', ignoreStdin: true}),
  }

  static override flags = {
    ...placeFlags,
    mode: modeFlag,
    'dry-run': Flags.boolean({default: false, description: 'Say what would go; remove nothing.'}),
    'group-by': Flags.option({
      default: DEFAULT_GROUPING,
      description:
        'Count each collection of each server by itself (default), or each name of a collection, of whichever server: for one server whose address has changed.',
      options: GROUPINGS,
    })(),
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
    ['--keep-last 5 --group-by collection', 'One server, under an old address and a new one'],
  )

  async #none(catalog: BackupCatalog, where: string, collection: string): Promise<string> {
    const {unread} = await catalog.listing({collection})
    return noBackups(where, collection, {all: (await catalog.listing()).backups, unread: unread.length})
  }

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
    const groupBy = flags['group-by']
    const outcome = await catalog.prune(policy, {collection: args.collection, dryRun: isDryRun, groupBy})
    const kept = outcome.kept.map((backup) => ({
      ...backupEntry(backup, store),
      reasons: outcome.reasons[backup.file] ?? [],
    }))
    const unread = outcome.unread.map(({file, reason}) => ({path: store.describe(file), reason}))
    if (args.collection !== undefined && kept.length === 0 && outcome.removed.length === 0)
      this.warnOf({message: await this.#none(catalog, store.describe(''), args.collection)})
    const leftovers = outcome.leftovers.map((key) => store.describe(key))
    const removed = outcome.removed.map((backup) => backupEntry(backup, store))
    const bytes = removed.reduce((sum, backup) => sum + backup.bytes, 0)
    this.print([
      `${isDryRun ? 'Would remove' : 'Removed'} ${plural(removed.length, 'backup')} (${formatBytes(bytes)}), kept ${kept.length}`,
      ...(removed.length > 0 ? backupTable(removed, this.tableWidth) : []),
      ...groupLines({groupBy, isDryRun, kept, removed}),
      ...(leftovers.length > 0
        ? [`${isDryRun ? 'Would remove' : 'Removed'} what killed runs left: ${leftovers.join(', ')}`]
        : []),
    ])
    if (unread.length > 0) exitAtLeast(3)
    return {dryRun: isDryRun, groupBy, kept, leftovers, removed, ...(unread.length > 0 && {unread})}
  }
}
