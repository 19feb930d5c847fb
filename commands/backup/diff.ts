import {Args} from '@oclif/core'

import type {Difference} from '../../src/jobs/verify/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {checkBackupsExist} from '../../src/cli/check-backups.js'
import {diffLines} from '../../src/cli/diff-results.js'
import {examples} from '../../src/cli/examples.js'
import {backupArgument, differencesFlag, fullFlag, placeFlags, tenantFlag} from '../../src/cli/flags.js'
import {isUnknown} from '../../src/jobs/verify/unknown.js'

export default class BackupDiff extends DataOpsCommand {
  static override summary = 'Compare two backups, object by object, without a server.'

  static override usage = '<%= command.id %> A B [flags]'

  static override description = `Says what of B is missing, extra or different beside A, by UUID and property. The exit code is 4 when they differ, and 3 when something could not be compared and the rest is the same.`

  static override args = {
    a: backupArgument,
    b: Args.string({description: 'The other one, named in the same way.', ignoreStdin: true, required: true}),
  }

  static override flags = {
    ...placeFlags,
    differences: differencesFlag,
    full: fullFlag,
    tenant: tenantFlag,
  }

  static override examples = examples(
    ['Article@2026-02-01 Article@latest', 'What has changed since'],
    ['5f0c 91aa --json', 'By id; all differences as JSON'],
  )

  async run(): Promise<Difference> {
    const {args, flags} = await this.parse(BackupDiff)
    await checkBackupsExist([args.a, args.b], flags.output)
    const {Verifier} = await import('../../src/jobs/verify/verifier.js')
    const verifier = new Verifier(await this.managerOptions(flags.output))
    const difference = await verifier.diffBackups(args.a, args.b, {
      ...this.operation(),
      limit: flags.differences ?? (this.jsonEnabled() ? Infinity : 20),
      tenants: flags.tenant,
    })
    this.print(diffLines(difference, {full: flags.full, width: this.width}))
    if (!difference.equal) this.exitWith(isUnknown(difference) ? 'INCOMPLETE' : 'CONTENT_DIFFERS')
    return difference
  }
}
