import {type BackupEntry, backupEntry, shortTime} from '../../src/cli/backup-entry.js'
import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {backupArgument, lockFlags, placeFlags} from '../../src/cli/flags.js'
import {locateOne} from '../../src/cli/moving-names.js'
import {DataOpsError} from '../../src/model/errors.js'

export default class BackupExtend extends DataOpsCommand {
  static override summary = 'Lock a backup, or lock it for longer.'

  static override usage = '<%= command.id %> BACKUP --lock-for <time> [flags]'

  static override description = `From now on, for that long, nobody can change or remove it, in object storage that has locks of single objects. A lock is never shortened.`

  static override args = {backup: backupArgument}

  static override flags = {...placeFlags, ...lockFlags}

  static override examples = examples(['5f0c --lock-for 90d', 'For three more months'])

  async run(): Promise<{extended: BackupEntry}> {
    const {args, flags} = await this.parse(BackupExtend)
    const {'lock-for': forMs, 'lock-mode': mode = 'compliance'} = flags
    if (forMs === undefined)
      throw new DataOpsError('INVALID_INPUT', '--lock-for is missing.', {hint: 'Say for how long: --lock-for 30d.'})
    const {store: given} = await this.catalogIn(flags.output)
    const {BackupCatalog} = await import('../../src/catalog/catalog.js')
    const {place, places} = await locateOne(args.backup, given, this.operation({}))
    const {name, store} = place
    const {signal} = this.operation({replace: places})
    const locked = await new BackupCatalog(store, {signal}).extend(name, {forMs, mode})
    const extended = backupEntry(locked, store)
    this.print([`Backup ${extended.id} is locked until ${shortTime(extended.lockedUntil ?? '')} UTC: ${extended.path}`])
    return {extended}
  }
}
