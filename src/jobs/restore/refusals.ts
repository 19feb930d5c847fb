/** What a server says when it refuses to create a collection, and which change of the schema it would take. */
import type {WeaviateClass} from '../../model/schema.js'

import {DataOpsError} from '../../model/errors.js'

/** The server's words, and the hint for them. */
const REFUSALS: ReadonlyArray<{hint: (match: RegExpExecArray, schema: WeaviateClass) => string; words: RegExp}> = [
  {
    hint: ([, available]) =>
      `Restore with \`overrides: {'replicationConfig.factor': ${available}}\`: each replica needs a node of its own.`,
    words: /could not find enough weaviate nodes for replication: (\d+) available/,
  },
  {
    hint: ([, named]) =>
      `Switch on asynchronous indexing on the server, or restore with \`overrides: {'${inVector(named, 'vectorIndexType')}': 'hnsw'}\` and \`overrides: {'${inVector(named, 'vectorIndexConfig')}': null}\`.`,
    words: /(?:target vector "([^"]+)": )?the dynamic index can only be created when async indexing/,
  },
  {
    hint: ([, named, module]) =>
      `Enable the module ${module} on the server, or restore with \`overrides: {'${inVector(named, 'vectorizer')}': 'none'}\`.`,
    words: /(?:target vector "([^"]+)": )?vectorizer: no module with name "([^"]+)"/,
  },
  {
    hint([, variable], {properties}) {
      const names = (properties ?? [])
        .filter(({tokenization}) => /^(?:gse|kagome|trie)/.test(String(tokenization)))
        .map(({name}) => `\`overrides: {'properties.${name}.tokenization': 'word'}\``)
      return `Set ${variable ?? 'the tokenizer'} on the server, or restore with ${names.join(' and ') || 'another tokenization by `overrides`'}.`
    },
    words: /tokenizer is not enabled(?:; set '(\w+)')?/,
  },
  {
    hint: () =>
      "Set OBJECTS_TTL_DELETE_SCHEDULE on the server, or restore with `overrides: {'objectTtlConfig': null}`: objects then stay for good.",
    words: /requires a running background scheduler/,
  },
  {
    hint: () => "Restore with `overrides: {'replicationConfig.deletionStrategy': null}`.",
    words: /deletionStrategy|deletion strategy/i,
  },
  {
    hint: () => 'Raise MAXIMUM_ALLOWED_COLLECTIONS_COUNT on the server, or delete a collection first.',
    words: /collections count limit/,
  },
]

/** The same error, with the change that helps where that is known. */
export function withCreationHint(error: unknown, schema: WeaviateClass): unknown {
  if (!(error instanceof DataOpsError)) return error
  for (const {hint, words} of REFUSALS) {
    const match = words.exec(error.message)
    if (match) return error.with({hint: hint(match, schema)})
  }

  return error
}

function inVector(name: string | undefined, setting: string): string {
  return name === undefined ? setting : `vectorConfig.${name}.${setting}`
}
