import {Args, Flags} from '@oclif/core'

import {type BackupEntry, backupEntry, backupTable} from '../../src/cli/backup-entry.js'
import {DataOpsCommand} from '../../src/cli/base-command.js'
import {outputFlag} from '../../src/cli/flags.js'

export interface BackupListResult {
  backups: BackupEntry[]
  /** With `--reindex`: files that look like backups and are none that can be used. */
  damaged?: Array<{path: string; reason: string}>
  directory: string
}

export default class BackupList extends DataOpsCommand {
  static override summary = 'List the backups in a folder, newest first.'

  static override usage = '<%= command.id %> [COLLECTION] [flags]'

  static override description = `Times are UTC. A backup whose files are gone is shown as missing, one without an entry in the catalog as unlisted, one whose files have another size as damaged, one that lacks objects which the server counted as incomplete.`

  static override args = {
    collection: Args.string({description: 'Only backups of this collection.', ignoreStdin: true}),
  }

  static override flags = {
    output: outputFlag,
    reindex: Flags.boolean({description: 'Make the catalog anew from the backups in the folder.'}),
  }

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %>', description: 'All backups in ./backups'},
    {
      command: '<%= config.bin %> <%= command.id %> Article -o /var/backups',
      description: 'Of one collection, elsewhere',
    },
    {
      command: '<%= config.bin %> <%= command.id %> --reindex',
      description: 'After files were copied or removed by hand',
    },
  ]

  async run(): Promise<BackupListResult> {
    const {args, flags} = await this.parse(BackupList)
    const {catalog, pathOf} = await this.catalogIn(flags.output)
    const reindexed = flags.reindex ? await catalog.reindex() : undefined
    const listed = await catalog.list({collection: args.collection})
    const backups = listed.map((backup) => backupEntry(backup, pathOf))
    const damaged = reindexed?.damaged.map(({file, reason}) => ({path: pathOf(file), reason}))
    for (const {path, reason} of damaged ?? []) this.warnOf({message: `${path} is no usable backup: ${reason}`})
    this.print(backups.length > 0 ? backupTable(backups) : [`There are no backups in ${pathOf('')}.`])
    return {backups, directory: pathOf(''), ...(damaged && {damaged})}
  }
}
