/** Flags of commands that write objects into collections. Imports nothing heavy: `--help` reads them. */
import {Flags, type Interfaces} from '@oclif/core'

import type {Settings} from '../config/settings.js'
import type {SentRestoreOptions} from '../jobs/restore/items.js'
import type {RestoreOptions} from '../jobs/restore/options.js'

import {
  batchSizeFlag,
  concurrencyFlag,
  consistencyFlag,
  maxRateFlag,
  parseOverrides,
  REPEATED,
  retryFlags,
  retryOptions,
  tenantFlag,
  workersFlag,
} from './flags.js'
import {transformFlags, transformsOf} from './transform-flags.js'

/** Those of every way of writing, by several machines too. */
export const writingFlags = {
  'allow-non-finite': Flags.boolean({description: 'Write vectors that hold NaN or Infinity.'}),
  'allow-rehash': Flags.boolean({
    description: 'Let the server hash the hashes of blobHash properties again.',
  }),
  'allow-vectorization': Flags.boolean({
    description: 'Let the server vectorize (and bill) objects that have no vector.',
  }),
  atomic: Flags.boolean({
    description: 'Write under a temporary name and point an alias of this name at it when verified.',
  }),
  merge: Flags.boolean({description: 'Write into a collection that exists.'}),
  'missing-target': Flags.option({
    description:
      'References to collections that are gone: fail (default), create these, empty, or drop the references.',
    options: ['create', 'drop', 'fail'] as const,
  })(),
  'on-conflict': Flags.option({
    dependsOn: ['merge'],
    description: 'With --merge, what happens to objects that are there already; default overwrite.',
    options: ['overwrite', 'skip', 'fail'] as const,
  })(),
  set: Flags.string({
    description: 'Change the schema, e.g. replicationConfig.factor=1; may be repeated.',
    helpValue: '<path=value>',
    ...REPEATED,
  }),
  verify: Flags.boolean({description: 'Compare every object afterwards; counts are always compared.'}),
  'with-aliases': Flags.boolean({description: 'Re-point aliases that exist and point elsewhere.'}),
}

/** Those of a command that writes by itself. */
export const ownWritingFlags = {
  ...writingFlags,
  'batch-size': batchSizeFlag,
  concurrency: concurrencyFlag,
  consistency: consistencyFlag,
  'dry-run': Flags.boolean({description: 'Check all that can be checked; change nothing.'}),
  restart: Flags.boolean({description: 'Forget the checkpoint of an earlier run and start over.'}),
  'retry-rejected': Flags.string({
    description: 'Send only the objects of a ….rejected.jsonl file.',
    helpValue: '<file>',
  }),
  'skip-data': Flags.boolean({description: 'The schema, tenants and aliases only.'}),
  'max-rate': maxRateFlag,
  ...retryFlags,
  tenant: tenantFlag,
  workers: workersFlag,
  ...transformFlags,
}

/** What of these flags every way of writing has. @throws DataOpsError INVALID_INPUT for a `--set` that cannot be read. */
export function writingOptions(flags: Interfaces.InferredFlags<typeof writingFlags>): SentRestoreOptions {
  return {
    allowNonFinite: flags['allow-non-finite'],
    allowRehash: flags['allow-rehash'],
    allowVectorization: flags['allow-vectorization'],
    atomic: flags.atomic,
    merge: flags.merge,
    missingTarget: flags['missing-target'],
    onConflict: flags['on-conflict'],
    overrides: flags.set && parseOverrides(flags.set),
    verify: flags.verify,
    withAliases: flags['with-aliases'],
  }
}

/** What the flags of a command that writes by itself say to its manager. @throws DataOpsError INVALID_INPUT. */
export async function ownWritingOptions(
  flags: Interfaces.InferredFlags<typeof ownWritingFlags>,
  settings: Settings,
): Promise<RestoreOptions> {
  return {
    ...retryOptions(flags),
    ...writingOptions(flags),
    batchSize: settings.batchSize?.value,
    concurrency: flags.concurrency,
    consistency: flags.consistency,
    dryRun: flags['dry-run'],
    maxRate: flags['max-rate'],
    restart: flags.restart,
    retryRejected: flags['retry-rejected'],
    skipData: flags['skip-data'],
    tenants: flags.tenant,
    transforms: await transformsOf(flags),
    workers: settings.workers?.value,
  }
}
