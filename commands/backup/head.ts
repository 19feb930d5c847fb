import {Flags} from '@oclif/core'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {backupArgument, fullFlag, oneTenantFlag, placeFlags} from '../../src/cli/flags.js'
import {objectLines, shownObject, type ShownObject} from '../../src/cli/objects.js'

export default class BackupHead extends DataOpsCommand {
  static override summary = 'Show the first objects of a backup.'

  static override usage = '<%= command.id %> BACKUP [flags]'

  static override description = `Needs no server. Objects come in the order in which they lie in the backup; long values are cut, --full or --json shows all of them.`

  static override args = {backup: backupArgument}

  static override flags = {
    ...placeFlags,
    count: Flags.integer({char: 'n', default: 10, description: 'How many.', helpValue: '<n>', min: 1}),
    full: fullFlag,
    tenant: oneTenantFlag,
  }

  static override examples = examples(
    ['5f0c', 'The first ten'],
    ['Article@latest -n 1 --full', 'One, with every value and the whole vector'],
  )

  async run(): Promise<{objects: ShownObject[]}> {
    const {args, flags} = await this.parse(BackupHead)
    const {firstObjects} = await import('../../src/jobs/inspect/objects.js')
    const operation = this.operation()
    const {archive} = await this.openBackup(args.backup, flags.output, operation)
    const found = await firstObjects(archive, {limit: flags.count, signal: operation.signal, tenant: flags.tenant})
    const objects = found.map((object) => shownObject(object))
    const options = {full: flags.full, width: this.width}
    this.print(
      objects.length > 0 ? objects.flatMap((object) => objectLines(object, options)) : ['There are no objects in it.'],
    )
    return {objects}
  }
}
