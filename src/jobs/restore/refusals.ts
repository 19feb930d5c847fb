/** What a server says when it refuses to create a collection, and which change of the schema it would take. */
import type {SchemaProperty, WeaviateClass} from '../../model/schema.js'

import {DataOpsError} from '../../model/errors.js'

/** What helps, said when the server has refused and before, by a dry run. */
export const hintFor = {
  dynamic: (named?: string): string =>
    `Switch on asynchronous indexing on the server, or restore with \`overrides: {'${inVector(named, 'vectorIndexType')}': 'hnsw'}\` and \`overrides: {'${inVector(named, 'vectorIndexConfig')}': null}\`.`,
  factor: (available: number | string): string =>
    `Restore with \`overrides: {'replicationConfig.factor': ${available}}\`: each replica needs a node of its own.`,
  module: (module: string, named?: string): string =>
    `Enable the module ${module} on the server, or restore with \`overrides: {'${inVector(named, 'vectorizer')}': 'none'}\`.`,
  timeToLive:
    "Set OBJECTS_TTL_DELETE_SCHEDULE on the server, or restore with `overrides: {'objectTtlConfig': null}`: objects then stay for good.",
  tokenizer(schema: WeaviateClass, variable = 'the tokenizer'): string {
    const names = languageTokenized(schema).map(
      ({name}) => `\`overrides: {'properties.${name}.tokenization': 'word'}\``,
    )
    return `Set ${variable} on the server, or restore with ${names.join(' and ') || 'another tokenization by `overrides`'}.`
  },
}

/** Properties whose tokenizer a server has only when it is told to. */
export function languageTokenized({properties}: WeaviateClass): SchemaProperty[] {
  return (properties ?? []).filter(({tokenization}) => /^(?:gse|kagome|trie)/.test(String(tokenization)))
}

/** The server's words, and the hint for them. */
const REFUSALS: ReadonlyArray<{hint: (match: RegExpExecArray, schema: WeaviateClass) => string; words: RegExp}> = [
  {
    hint: ([, available = '']) => hintFor.factor(available),
    words: /could not find enough weaviate nodes for replication: (\d+) available/,
  },
  {
    hint: ([, named]) => hintFor.dynamic(named),
    words: /(?:target vector "([^"]+)": )?the dynamic index can only be created when async indexing/,
  },
  {
    hint: ([, named, module = '']) => hintFor.module(module, named),
    words: /(?:target vector "([^"]+)": )?vectorizer: no module with name "([^"]+)"/,
  },
  {
    hint: ([, variable], schema) => hintFor.tokenizer(schema, variable),
    words: /tokenizer is not enabled(?:; set '(\w+)')?/,
  },
  {
    hint: () => hintFor.timeToLive,
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
