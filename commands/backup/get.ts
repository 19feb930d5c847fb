import {Args} from '@oclif/core'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {backupArgument, fullFlag, oneTenantFlag, placeFlags} from '../../src/cli/flags.js'
import {objectLines, shownObject, type ShownObject} from '../../src/cli/objects.js'
import {DataOpsError} from '../../src/model/errors.js'
import {isUuid} from '../../src/model/uuid-range.js'

export default class BackupGet extends DataOpsCommand {
  static override summary = 'Show one object of a backup.'

  static override usage = '<%= command.id %> BACKUP UUID [flags]'

  static override description = `Needs no server. Long values are cut; --full or --json shows all of them. The exit code is 1 when the backup has no such object.`

  static override args = {
    backup: backupArgument,
    uuid: Args.string({description: 'Id of the object.', ignoreStdin: true, required: true}),
  }

  static override flags = {...placeFlags, full: fullFlag, tenant: oneTenantFlag}

  static override examples = examples([
    'Article@latest 00000000-0000-4000-8000-000000000001',
    'As it was when the newest backup was taken',
  ])

  async run(): Promise<{object: ShownObject}> {
    const {args, flags} = await this.parse(BackupGet)
    if (!isUuid(args.uuid))
      throw new DataOpsError('INVALID_INPUT', `"${args.uuid}" is not the id of an object.`, {
        hint: 'Ids are UUIDs: 00000000-0000-4000-8000-000000000001.',
      })
    const {findObject} = await import('../../src/jobs/inspect/objects.js')
    const operation = this.operation()
    const {archive} = await this.openBackup(args.backup, flags.output, operation)
    const found = await findObject(archive, args.uuid, {signal: operation.signal, tenant: flags.tenant})
    if (!found) {
      const where = flags.tenant === undefined ? '' : ` of tenant "${flags.tenant}"`
      throw new DataOpsError('OBJECT_MISSING', `There is no object ${args.uuid}${where} in ${archive.path}.`, {
        details: {id: args.uuid, path: archive.path},
        hint: `See some that are: ${this.config.bin} backup head ${args.backup}`,
      })
    }

    const object = shownObject(found)
    this.print(objectLines(object, {full: flags.full, width: this.width}))
    return {object}
  }
}
