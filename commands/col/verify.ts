import {Args, Flags} from '@oclif/core'

import type {CollectionComparison} from '../../src/jobs/verify/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {checkBackupsExist} from '../../src/cli/check-backups.js'
import {examples} from '../../src/cli/examples.js'
import {
  concurrencyFlag,
  differencesFlag,
  fullFlag,
  milliseconds,
  placeFlags,
  schemaFromFlag,
  tenantFlag,
  waitReplicasFlag,
} from '../../src/cli/flags.js'
import {comparisonLines} from '../../src/cli/results.js'
import {transformFlags, transformsOf} from '../../src/cli/transform-flags.js'
import {isUnknown, tenantInWords} from '../../src/jobs/verify/unknown.js'

export default class ColVerify extends DataOpsCommand {
  static override summary = 'Compare a collection with a backup, object by object.'

  static override usage = '<%= command.id %> NAME --against <backup> [flags]'

  static override description = `Reads the live collection and says whether it equals the backup, or what is missing, extra or different, by UUID and property. The exit code is 4 when they differ, and 3 when something could not be compared and the rest is the same.`

  static override args = {
    name: Args.string({description: 'Collection (or alias).', ignoreStdin: true, required: true}),
  }

  static override flags = {
    ...placeFlags,
    against: Flags.string({
      description: 'Backup: an id, path or URL; latest, Article@latest, Article@2026-02-01 (UTC).',
      helpValue: '<backup>',
      required: true,
    }),
    concurrency: concurrencyFlag,
    full: fullFlag,
    'include-offloaded': Flags.boolean({
      description: 'Onload offloaded tenants to compare them too; else they are left out, and named.',
    }),
    differences: {...differencesFlag, aliases: ['limit']},
    ids: transformFlags.ids,
    'schema-from': schemaFromFlag('. Without it the schema is not compared, and the exit code is 3 or 4.'),
    tenant: tenantFlag,
    'wait-replicas': waitReplicasFlag,
    transform: transformFlags.transform,
  }

  static override examples = examples(
    ['Article --against 5f0c', 'By the id of the backup'],
    [
      'ArticleCopy --against backups/Article_2026-02-01_103000.json --json',
      'A copy under another name; all differences as JSON',
    ],
  )

  async run(): Promise<CollectionComparison> {
    const {args, flags} = await this.parse(ColVerify)
    await checkBackupsExist([flags.against], flags.output)
    const connection = await this.connect()
    const {Verifier} = await import('../../src/jobs/verify/verifier.js')
    const verifier = new Verifier({connection, ...(await this.managerOptions(flags.output))})
    const comparison = await verifier.verifyCollection(args.name, flags.against, {
      ...this.operation(),
      concurrency: flags.concurrency,
      includeOffloaded: flags['include-offloaded'],
      limit: flags.differences ?? (this.jsonEnabled() ? Infinity : 20),
      schemaFrom: flags['schema-from'],
      tenants: flags.tenant,
      waitReplicasMs: milliseconds(flags['wait-replicas']),
      transforms: await transformsOf({ids: flags.ids, transform: flags.transform}),
    })
    const leftOut = (comparison.equal ? (comparison.tenantsLeftOut ?? []) : []).map(
      (tenant) => `  NOT compared: ${tenantInWords(tenant)}`,
    )
    this.print([...comparisonLines(comparison, {full: flags.full, width: this.width}), ...leftOut])
    if (!comparison.equal) this.exitWith(isUnknown(comparison) ? 'INCOMPLETE' : 'CONTENT_DIFFERS')
    return comparison
  }
}
