/** What a restore will do, and whether it may. Pure: nothing here talks to a server or a disk. */
import type {BackupHead} from '../../codec/document.js'
import type {ObjectSource, SourceContent} from '../../flow/source.js'
import type {JsonValue, WeaviateObject} from '../../model/object.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {RestoreOptions} from './options.js'

import {isCollectionName} from '../../archive/names.js'
import {hasFiniteVectors} from '../../codec/vectors.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {checkPositiveInteger} from '../../model/positive-integer.js'
import {isMultiTenant, referenceProperties, type SchemaProperty, type WeaviateClass} from '../../model/schema.js'
import {lacksVectorOf, vectorizersOf} from '../../model/vectorizers.js'
import {checkConsistency} from '../confirmation.js'
import {checkTenantsChosen, selectTenants} from '../options.js'
import {blobHashes} from './view.js'

/** @throws DataOpsError INVALID_INPUT naming the option. */
export function checkRestoreOptions(options: RestoreOptions): void {
  checkTenantsChosen(options.tenants)
  checkPositiveInteger(options.batchSize, 'batch size')
  checkPositiveInteger(options.concurrency, 'concurrency')
  checkPositiveInteger(options.workers, 'number of workers')
  checkConsistency(options.consistency)
  if (options.name !== undefined && !isCollectionName(options.name)) {
    throw new DataOpsError('INVALID_INPUT', `"${options.name}" cannot be a collection's name.`, {
      hint: 'A name starts with an upper-case letter and goes on with letters, digits and underscores.',
    })
  }

  if (options.atomic && options.merge) {
    throw new DataOpsError('INVALID_INPUT', 'A merge cannot be atomic: it writes into the collection that is there.', {
      hint: 'Leave out `merge` or `atomic`.',
    })
  }

  if (options.skipData && options.verify) {
    throw new DataOpsError('INVALID_INPUT', 'Without objects there is nothing to compare.', {
      hint: 'Leave out `skipData` or `verify`.',
    })
  }

  if (options.onConflict !== undefined && options.onConflict !== 'overwrite' && !options.merge) {
    throw new DataOpsError('INVALID_INPUT', 'What happens on a conflict matters only in a merge.', {
      hint: 'Add `merge: true`.',
    })
  }
}

/** Those that are in a backup, with the states that they had. */
export function heldTenants({head, seal}: Pick<ObjectSource, 'head' | 'seal'>): WeaviateTenant[] {
  const skipped = new Set((seal?.tenants ?? []).filter((tenant) => tenant.skipped !== undefined).map(({name}) => name))
  return (head.metadata.tenants ?? []).filter(({name}) => !skipped.has(name))
}

/** The tenants to restore, with their states; undefined in collections without tenants. @throws DataOpsError INVALID_INPUT. */
export function tenantsToRestore(
  head: BackupHead,
  seal: SourceContent | undefined,
  names: readonly string[] | undefined,
): Array<{name: string; status: 'COLD' | 'FROZEN' | 'HOT'}> | undefined {
  if (!isMultiTenant(head.schema)) {
    if (names?.length) {
      throw new DataOpsError('INVALID_INPUT', `The backup of "${head.metadata.collection}" has no tenants.`, {
        hint: 'Leave the tenants out.',
      })
    }

    return undefined
  }

  return selectTenants(heldTenants({head, seal}), names).map(({name, status}) => ({
    name,
    // A state on its way somewhere is restored as where it was going.
    status: status === 'FREEZING' ? 'FROZEN' : status === 'UNFREEZING' ? 'HOT' : status,
  }))
}

/** Objects that a restore of these tenants writes; undefined when the backup does not say. */
export function expectedObjects(
  {objectCount, seal}: {objectCount?: number; seal?: SourceContent},
  tenants: ReadonlyArray<{name: string}> | undefined,
): number | undefined {
  if (!tenants) return objectCount
  if (!seal) return undefined
  const wanted = new Set(tenants.map(({name}) => name))
  let objects = 0
  for (const tenant of seal.tenants ?? []) {
    if (!wanted.has(tenant.name)) continue
    if (tenant.object_count === undefined) return undefined
    objects += tenant.object_count
  }

  return objects
}

/** @throws DataOpsError INVALID_INPUT when the backup holds what must be allowed first. */
export function checkContent(
  {isLive, objectCount, seal}: Pick<ObjectSource, 'isLive' | 'objectCount' | 'seal'>,
  schema: WeaviateClass,
  options: RestoreOptions,
): void {
  if (options.skipData || !(isLive ?? seal)) return
  const hashed = blobHashes(schema)
  if (hashed.length > 0 && (seal?.object_count ?? objectCount) !== 0 && !options.allowRehash) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `The server keeps a hash only of what is written to ${hashed.join(', ')}, and would hash the hashes of the backup again.`,
      {details: {properties: hashed}, hint: 'Add `allowRehash: true` to restore them all the same.'},
    )
  }

  // Of what is live, or was not read yet, each object is looked at on its way.
  if (!seal?.statistics) return
  const {non_finite_vectors: nonFinite = 0, objects_without_vector: withoutVector = 0} = seal.statistics
  if (nonFinite > 0 && !options.allowNonFinite) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `${plural(nonFinite, 'object of the backup has', 'objects of the backup have')} vectors with components that are no finite numbers.`,
      {
        details: {objects: nonFinite},
        hint: 'The server would take them and then fail to list them over REST. Add `allowNonFinite: true` to restore them all the same.',
      },
    )
  }

  const vectorizers = vectorizersOf(schema)
  const modules = [...new Set(vectorizers.map(({module}) => module))].sort()
  const changes = vectorizers.map(
    ({vector}) =>
      `\`overrides: {'${vector === undefined ? 'vectorizer' : `vectorConfig.${vector}.vectorizer`}': 'none'}\``,
  )
  if (withoutVector > 0 && modules.length > 0 && !options.allowVectorization) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `${plural(withoutVector, 'object of the backup lacks', 'objects of the backup lack')} a vector, and the server would vectorize with ${modules.join(', ')}.`,
      {
        details: {modules, objects: withoutVector},
        hint: `Add \`allowVectorization: true\` to let it (which may be billed), or restore with ${changes.join(' and ')}.`,
      },
    )
  }
}

/** Collections that are referred to and are none of these. */
export function missingTargets(schema: WeaviateClass, collections: ReadonlySet<string>): string[] {
  const targets = referenceProperties(schema).flatMap((property) => property.dataType)
  return [...new Set(targets.filter((target) => !collections.has(target)))]
}

/**
 * A new collection that is called as one it refers to: those references would be to itself. `prepared`: as it is to be created.
 * @throws DataOpsError INVALID_INPUT.
 */
export function checkRefersToOthers(original: WeaviateClass, prepared: WeaviateClass): void {
  const {class: name} = prepared
  if (name === original.class) return
  const others = referenceProperties(original).filter(({dataType}) => dataType.includes(name))
  const there = new Set(
    referenceProperties(prepared).flatMap((each) => (each.dataType.includes(name) ? [each.name] : [])),
  )
  const first = others.find((property) => there.has(property.name))
  if (!first) return
  throw new DataOpsError(
    'INVALID_INPUT',
    `"${original.class}" refers to "${name}" by "${first.name}", and under that name it would refer to itself.`,
    {
      details: {collection: original.class, property: first.name},
      hint: 'Give it another name, or leave the property out with a change on the way.',
    },
  )
}

export function refersToMissing(name: string, missing: readonly string[]): DataOpsError {
  return new DataOpsError(
    'SCHEMA_MISMATCH',
    `"${name}" refers to ${missing.join(', ')}, which the server does not have.`,
    {
      details: {missing},
      hint: "Restore those first, or all of them in one command; or `missingTarget: 'create'` makes them, empty, and `missingTarget: 'drop'` leaves the references out.",
    },
  )
}

/** Why an object must not be sent to a class: a tenant that is not among those restored, properties that auto-schema would add, vectors that were not allowed. */
export function makeObjection(
  schema: WeaviateClass,
  options: RestoreOptions,
  tenants?: ReadonlySet<string>,
): (object: WeaviateObject) => string | undefined {
  const properties = knownProperties(schema.properties)
  const named = new Set(Object.keys(schema.vectorConfig ?? {}))
  // Where there is one named vector the server (1.39) would take an unnamed one for it.
  const hasOnlyNamed = named.size > 0 && !schema.vectorIndexType
  const vectorizers = options.allowVectorization ? [] : vectorizersOf(schema)
  return (object) => {
    if (tenants && (object.tenant === undefined || !tenants.has(object.tenant))) {
      return object.tenant === undefined ? 'it has no tenant' : `the backup does not list its tenant "${object.tenant}"`
    }

    const unknown = unknownProperty(object.properties, properties)
    if (unknown !== undefined) return `the collection has no property "${unknown}"`
    if (hasOnlyNamed && object.vector?.length) return 'the collection has no unnamed vector'
    for (const name of object.vectors?.keys() ?? []) {
      if (!named.has(name)) return `the collection has no vector "${name}"`
    }

    if (!options.allowNonFinite && !hasFiniteVectors(object)) return 'a vector has a component that is no finite number'
    if (lacksVectorOf(object, vectorizers)) return 'it lacks a vector, and the server would vectorize it'
    return undefined
  }
}

/** By name, each with those nested in it; undefined for what is no object. */
type KnownProperties = ReadonlyMap<string, KnownProperties | undefined>

function knownProperties(properties: readonly SchemaProperty[] | null | undefined): KnownProperties {
  return new Map(
    (properties ?? []).map(({dataType, name, nestedProperties}) => [
      name,
      dataType[0] === 'object' || dataType[0] === 'object[]' ? knownProperties(nestedProperties) : undefined,
    ]),
  )
}

/** The path of the first member that is not known. */
function unknownProperty(value: JsonValue, known: KnownProperties): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) {
    for (const item of value) {
      const unknown = unknownProperty(item, known)
      if (unknown !== undefined) return unknown
    }

    return undefined
  }

  // eslint-disable-next-line unicorn/prefer-object-iterable-methods -- a pair for each is garbage
  for (const name of Object.keys(value)) {
    if (!known.has(name)) return name
    const nested = known.get(name)
    const unknown = nested && unknownProperty(value[name]!, nested)
    if (unknown !== undefined) return `${name}.${unknown}`
  }

  return undefined
}
