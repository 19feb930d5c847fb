/** Flags of commands that write objects into collections. Imports nothing heavy: `--help` reads them. */
import {Flags} from '@oclif/core'

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
    multiple: true,
    multipleNonGreedy: true,
  }),
  'skip-data': Flags.boolean({description: 'The schema, tenants and aliases only.'}),
  verify: Flags.boolean({description: 'Compare every object afterwards; counts are always compared.'}),
  'with-aliases': Flags.boolean({description: 'Re-point aliases that exist and point elsewhere.'}),
}
