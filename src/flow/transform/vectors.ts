/** Transforms of vectors: other names, fewer of them, none. */
import {DataOpsError} from '../../model/errors.js'
import {isJsonObject, type JsonObject, type NamedVector, type WeaviateObject} from '../../model/object.js'
import {type WeaviateClass} from '../../model/schema.js'
import {eachObject, type Transform} from './transform.js'

/** Another name for a vector; the empty name is the unnamed vector. */
export function moveVector(from: string, to: string): Transform {
  return {
    page: eachObject((object) => moved(object, from, to)),
    record: {from, kind: 'vector', to},
    schema(schema) {
      checkVector(schema, from)
      if (hasVector(schema, to)) {
        throw new DataOpsError('INVALID_INPUT', `"${schema.class}" has ${nameOf(to)} already.`, {
          hint: 'Drop or rename that one first.',
        })
      }

      if (to !== '' && !/^[A-Za-z_]\w{0,229}$/.test(to)) {
        throw new DataOpsError('INVALID_INPUT', `"${to}" cannot be the name of a vector.`)
      }

      const {config, rest} = takeVector(schema, from)
      if (to !== '') return {...rest, vectorConfig: {...rest.vectorConfig, [to]: config}}
      return {...rest, ...asUnnamed(schema, from, config)}
    },
  }
}

/** Leaves a vector out of schema and objects; the empty name is the unnamed vector. */
export function dropVector(name: string): Transform {
  return {
    isPartial: true,
    page: eachObject((object) => withoutVector(object, name)),
    record: {kind: 'drop-vector', name},
    schema(schema) {
      checkVector(schema, name)
      const {rest} = takeVector(schema, name)
      // A class has a vector at least; nothing is to make it.
      const isLast = !rest.vectorConfig && !rest.vectorIndexType
      return isLast ? {...rest, vectorIndexType: 'hnsw', vectorizer: 'none'} : rest
    },
  }
}

/** Leaves all vectors out of the objects, and the schema as it is: its vectorizers make new ones where it is restored. */
export function withoutVectors(): Transform {
  return {
    isPartial: true,
    page: eachObject(({vector: _vector, vectors: _vectors, ...object}) => object),
    record: {kind: 'no-vectors'},
  }
}

function moved(object: WeaviateObject, from: string, to: string): WeaviateObject {
  const vector = vectorOf(object, from)
  if (!vector) return object
  const rest = withoutVector(object, from)
  if (to !== '') return {...rest, vectors: new Map([...(rest.vectors ?? []), [to, vector]])}
  if (vector.kind === 'single') return {...rest, vector: vector.bytes}
  throw new DataOpsError(
    'INVALID_INPUT',
    `"${from}" of the object ${object.id} is a list of vectors, which only a named vector can be.`,
  )
}

function vectorOf(object: WeaviateObject, name: string): NamedVector | undefined {
  if (name !== '') return object.vectors?.get(name)
  return object.vector?.length ? {bytes: object.vector, kind: 'single'} : undefined
}

function withoutVector(object: WeaviateObject, name: string): WeaviateObject {
  if (name === '') {
    const {vector: _, ...rest} = object
    return rest
  }

  if (!object.vectors?.has(name)) return object
  const {vectors, ...rest} = object
  const others = new Map([...vectors].filter(([other]) => other !== name))
  return others.size > 0 ? {...rest, vectors: others} : rest
}

function hasVector(schema: WeaviateClass, name: string): boolean {
  return name === '' ? Boolean(schema.vectorIndexType) : Object.hasOwn(schema.vectorConfig ?? {}, name)
}

function checkVector(schema: WeaviateClass, name: string): void {
  if (hasVector(schema, name)) return
  const names = Object.keys(schema.vectorConfig ?? {})
  throw new DataOpsError('INVALID_INPUT', `"${schema.class}" does not have ${nameOf(name)}.`, {
    hint: `It has ${[...(hasVector(schema, '') ? ['the unnamed vector'] : []), ...names].join(', ')}.`,
  })
}

function nameOf(name: string): string {
  return name === '' ? 'the unnamed vector' : `the vector "${name}"`
}

/** The schema without a vector, and what it says of it, as of a named one. */
function takeVector(schema: WeaviateClass, name: string): {config: JsonObject; rest: WeaviateClass} {
  if (name !== '') {
    const {[name]: config = {}, ...others} = schema.vectorConfig ?? {}
    const {vectorConfig: _, ...rest} = schema
    return {config, rest: Object.keys(others).length > 0 ? {...rest, vectorConfig: others} : rest}
  }

  const {moduleConfig, vectorIndexConfig, vectorIndexType, vectorizer, ...rest} = schema as JsonObject & WeaviateClass
  const module = typeof vectorizer === 'string' && vectorizer !== '' ? vectorizer : 'none'
  const {[module]: settings = {}, ...otherModules} = isJsonObject(moduleConfig) ? moduleConfig : {}
  return {
    config: {
      ...(vectorIndexConfig !== undefined && {vectorIndexConfig}),
      ...(vectorIndexType !== undefined && {vectorIndexType}),
      vectorizer: {[module]: settings},
    },
    // Other modules (generative, rerankers) are no vector's.
    rest: Object.keys(otherModules).length > 0 ? {...rest, moduleConfig: otherModules} : rest,
  }
}

/** What a named vector's settings are for the unnamed one. */
function asUnnamed(schema: WeaviateClass, name: string, config: JsonObject): JsonObject {
  const {vectorIndexConfig, vectorIndexType, vectorizer} = config
  if (
    isJsonObject(vectorIndexConfig) &&
    isJsonObject(vectorIndexConfig.multivector) &&
    vectorIndexConfig.multivector.enabled
  ) {
    throw new DataOpsError('INVALID_INPUT', `"${name}" holds lists of vectors, which the unnamed vector cannot.`)
  }

  const [module = 'none'] = isJsonObject(vectorizer) ? Object.keys(vectorizer) : []
  const settings = isJsonObject(vectorizer) ? vectorizer[module] : undefined
  const others = isJsonObject(schema.moduleConfig) ? schema.moduleConfig : {}
  const hasSettings = isJsonObject(settings) && Object.keys(settings).length > 0
  return {
    ...(vectorIndexConfig !== undefined && {vectorIndexConfig}),
    vectorIndexType: vectorIndexType ?? 'hnsw',
    vectorizer: module,
    ...(hasSettings && {moduleConfig: {...others, [module]: settings}}),
  }
}
