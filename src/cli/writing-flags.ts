/** Flags of commands that write objects into collections. Imports nothing heavy: `--help` reads them. */
import {Flags, type Interfaces} from '@oclif/core'

import type {RestoreOptions} from '../jobs/restore/options.js'

import {parseOverrides, REPEATED} from './flags.js'

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
  'dry-run': Flags.boolean({description: 'Check all that can be checked; change nothing.'}),
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
  restart: Flags.boolean({description: 'Forget the checkpoint of an earlier run and start over.'}),
  'retry-rejected': Flags.string({
    description: 'Send only the objects of a ….rejected.jsonl file.',
    helpValue: '<file>',
  }),
  set: Flags.string({
    description: 'Change the schema, e.g. replicationConfig.factor=1; may be repeated.',
    helpValue: '<path=value>',
    ...REPEATED,
  }),
  'skip-data': Flags.boolean({description: 'The schema, tenants and aliases only.'}),
  verify: Flags.boolean({description: 'Compare every object afterwards; counts are always compared.'}),
  'with-aliases': Flags.boolean({description: 'Re-point aliases that exist and point elsewhere.'}),
}

type WritingOptions = Pick<
  RestoreOptions,
  | 'allowNonFinite'
  | 'allowRehash'
  | 'allowVectorization'
  | 'atomic'
  | 'merge'
  | 'missingTarget'
  | 'onConflict'
  | 'overrides'
  | 'verify'
  | 'withAliases'
>

/** What of these flags every way of writing has. @throws DataOpsError INVALID_INPUT for a `--set` that cannot be read. */
export function writingOptions(
  flags: Omit<Interfaces.InferredFlags<typeof writingFlags>, 'dry-run' | 'restart' | 'retry-rejected' | 'skip-data'>,
): WritingOptions {
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
