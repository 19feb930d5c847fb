import {Args, Flags} from '@oclif/core'

import type {Difference} from '../../src/jobs/verify/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {diffLines} from '../../src/cli/diff-results.js'
import {examples} from '../../src/cli/examples.js'
import {
  concurrencyFlag,
  differencesFlag,
  fullFlag,
  milliseconds,
  outputFlag,
  tenantFlag,
  waitReplicasFlag,
} from '../../src/cli/flags.js'
import {secondServerFlags} from '../../src/cli/second-server.js'
import {isUnknown} from '../../src/jobs/verify/unknown.js'
import {DataOpsError} from '../../src/model/errors.js'

export default class ColDiff extends DataOpsCommand {
  static override summary = 'Compare two collections, object by object.'

  static override usage = '<%= command.id %> A [B] [flags]'

  static override description = `Says what of B is missing, extra or different beside A, by UUID and property; B may lie on a second server. The exit code is 4 when they differ, and 3 when something could not be compared and the rest is the same.`

  static override args = {
    a: Args.string({description: 'Collection (or alias).', ignoreStdin: true, required: true}),
    b: Args.string({description: 'The other one; default, with --to-url: that of the same name.', ignoreStdin: true}),
  }

  static override flags = {
    ...secondServerFlags,
    concurrency: concurrencyFlag,
    differences: differencesFlag,
    full: fullFlag,
    'include-offloaded': Flags.boolean({
      description: 'Onload offloaded tenants to compare them too; else they are left out, and named.',
    }),
    output: outputFlag,
    tenant: tenantFlag,
    'wait-replicas': waitReplicasFlag,
  }

  static override examples = examples(
    ['Article --to-url http://new:8080', 'The same collection on two servers'],
    ['Article ArticleCopy --json', 'Two on one server; all differences as JSON'],
  )

  async run(): Promise<Difference> {
    const {args, flags} = await this.parse(ColDiff)
    const {first: connection, second: other} = await this.connectBoth(['first', 'second'])
    if (args.b === undefined && !other) {
      throw new DataOpsError('INVALID_INPUT', `There is nothing to compare "${args.a}" with.`, {
        hint: 'Name the other collection, or its server with --to-url.',
      })
    }

    const {Verifier} = await import('../../src/jobs/verify/verifier.js')
    const verifier = new Verifier({connection, directory: flags.output, stateDirectory: this.stateDirectory})
    const difference = await verifier.diffCollections(args.a, args.b ?? args.a, {
      ...this.operation(),
      concurrency: flags.concurrency,
      includeOffloaded: flags['include-offloaded'],
      limit: flags.differences ?? (this.jsonEnabled() ? Infinity : 20),
      ...(other && {other}),
      tenants: flags.tenant,
      waitReplicasMs: milliseconds(flags['wait-replicas']),
    })
    this.print(diffLines(difference, {full: flags.full, width: this.width}))
    if (!difference.equal) this.exitWith(isUnknown(difference) ? 'INCOMPLETE' : 'CONTENT_DIFFERS')
    return difference
  }
}
