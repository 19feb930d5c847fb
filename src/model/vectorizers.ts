/** Modules that vectorize on the server: they give an object the vectors that it lacks, and bill for it. */
import type {WeaviateObject} from './object.js'
import type {WeaviateClass} from './schema.js'

export interface Vectorizer {
  module: string
  /** Name of the vector; undefined: the unnamed one. */
  vector: string | undefined
}

/** The vectors of a class that a module makes. */
export function vectorizersOf(schema: WeaviateClass): Vectorizer[] {
  const found: Vectorizer[] = []
  if (typeof schema.vectorizer === 'string') found.push({module: schema.vectorizer, vector: undefined})
  for (const [vector, config] of Object.entries(schema.vectorConfig ?? {})) {
    const {vectorizer} = config
    if (typeof vectorizer !== 'object' || vectorizer === null) continue
    for (const module of Object.keys(vectorizer)) found.push({module, vector})
  }

  return found.filter(({module}) => module !== 'none' && module !== '')
}

/** Whether the server would vectorize an object: it lacks a vector that a module makes, whatever others it has. */
export function lacksVectorOf(object: WeaviateObject, vectorizers: readonly Vectorizer[]): boolean {
  return vectorizers.some(({vector}) =>
    vector === undefined ? (object.vector?.length ?? 0) === 0 : !object.vectors?.has(vector),
  )
}
