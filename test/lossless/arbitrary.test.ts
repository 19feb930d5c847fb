/** Arbitrary collections through every format, on the server: backup, delete, restore, and nothing is different. */
import fc from 'fast-check'
import {expect, it} from 'vitest'

import type {JsonObject, JsonValue, NamedVector, WeaviateObject} from '../../src/model/object.js'
import type {Capabilities} from '../../src/weaviate/capabilities.js'

import {isMultiTenant, isReference, type SchemaProperty, type WeaviateClass} from '../../src/model/schema.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {arbitraryCollection} from '../support/arbitraries.js'
import {dumpDifferences, FORMATS, isMissing, useBench} from './support.js'

const bench = useBench()
const TENANTS = ['a', 'B-b_0', 'tenant']

/** What a server takes of an arbitrary class: its rules for names, nesting and vectors. */
function takeable(schema: WeaviateClass, name: string, other: string, capabilities: Capabilities): WeaviateClass {
  const rename = (target: string): string => (target === schema.class ? name : other)
  const properties = takeableProperties(schema.properties ?? []).map((property) =>
    // A collection with tenants may be referred to from such a collection only.
    isReference(property) ? {...property, dataType: property.dataType.map((target) => rename(target))} : property,
  )
  const vectorConfig = Object.fromEntries(
    Object.entries(schema.vectorConfig ?? {})
      .filter(([vector]) => /^[A-Za-z]/.test(vector))
      .map(([vector, config]) => [vector, capabilities.multiVectors ? config : {...config, vectorIndexConfig: {}}]),
  )
  const hasNamed = Object.keys(vectorConfig).length > 0
  const hasUnnamed = schema.vectorIndexType !== undefined && (capabilities.addedVectors || !hasNamed)
  return {
    class: name,
    properties,
    ...(isMultiTenant(schema) && {multiTenancyConfig: {enabled: true}}),
    ...(hasNamed && {vectorConfig}),
    ...(hasUnnamed && {vectorIndexType: 'flat', vectorizer: 'none'}),
  }
}

/** Names begin in lower case at the top, no two are alike but for case, and an object has something in it. */
function takeableProperties(properties: readonly SchemaProperty[], depth = 0): SchemaProperty[] {
  const seen = new Set<string>()
  const taken: SchemaProperty[] = []
  for (const property of properties) {
    const name = depth === 0 ? property.name[0]!.toLowerCase() + property.name.slice(1) : property.name
    if (seen.has(name.toLowerCase())) continue
    seen.add(name.toLowerCase())
    const {dataType, nestedProperties} = property
    const nested = nestedProperties && takeableProperties(nestedProperties, depth + 1)
    const members = nested?.length === 0 ? [{dataType: ['text'], name: 'only'}] : nested
    taken.push({dataType, name, ...(members && {nestedProperties: members})})
  }

  return taken
}

/** The object in a class as `takeable` made it; vectors of one name have the same dimensions in all objects. */
function fitted(object: WeaviateObject, from: WeaviateClass, to: WeaviateClass, other: string): WeaviateObject {
  const properties: JsonObject = {}
  const wanted = new Map((to.properties ?? []).map((property) => [property.name, property]))
  for (const [key, value] of Object.entries(object.properties)) {
    const name = key[0]!.toLowerCase() + key.slice(1)
    const property = wanted.get(name)
    // Of names alike but for case the class has the first.
    const first = from.properties?.find((candidate) => candidate.name.toLowerCase() === key.toLowerCase())
    if (!property || first?.name !== key) continue
    const fit = fitValue(value, property)
    if (fit !== undefined)
      Object.defineProperty(properties, name, {configurable: true, enumerable: true, value: fit, writable: true})
  }

  const text = JSON.stringify(properties)
    .replaceAll(`localhost/${from.class}/`, () => `localhost/${to.class}/`)
    .replaceAll('localhost/Other/', () => `localhost/${other}/`)
  const vectors = new Map(
    [...(object.vectors ?? [])].flatMap(([name, vector]): Array<[string, NamedVector]> => {
      if (!Object.hasOwn(to.vectorConfig ?? {}, name)) return []
      const isMulti = JSON.stringify(to.vectorConfig?.[name]?.vectorIndexConfig ?? {}).includes('multivector')
      if (vector.kind === 'single' || !isMulti) return [[name, {bytes: resized(vector.bytes, 3), kind: 'single'}]]
      const rows = Math.max(1, Math.floor(vector.bytes.length / 4 / vector.dims))
      return [[name, {bytes: resized(vector.bytes, rows * 2), dims: 2, kind: 'multi'}]]
    }),
  )
  return {
    id: object.id,
    properties: JSON.parse(text) as JsonObject,
    ...(object.tenant !== undefined && {tenant: object.tenant}),
    ...(object.vector && to.vectorIndexType !== undefined && {vector: resized(object.vector, 4)}),
    ...(vectors.size > 0 && {vectors}),
  }
}

/** Without what no server takes: empty blobs, references of no class, members that were left out of the class, coordinates off the globe. */
function fitValue(value: JsonValue, property: SchemaProperty): JsonValue | undefined {
  if (isReference(property)) {
    // The server names the class of a beacon by itself where a property has but one.
    return (value as unknown as Array<{beacon: string}>).filter(({beacon}) => beacon.split('/').length === 5)
  }

  switch (property.dataType[0]) {
    case 'blob': {
      return value === '' ? undefined : value
    }

    case 'geoCoordinates': {
      const {latitude, longitude} = value as {latitude: number; longitude: number}
      return {latitude: latitude % 90, longitude: longitude % 180}
    }

    case 'object': {
      return fitMembers(value as JsonObject, property)
    }

    case 'object[]': {
      return (value as JsonObject[]).map((item) => fitMembers(item, property))
    }

    case 'phoneNumber': {
      return {defaultCountry: 'nl', input: '+31 20 1234567'}
    }

    default: {
      return value
    }
  }
}

function fitMembers(object: JsonObject, {nestedProperties}: SchemaProperty): JsonObject {
  const known = new Map((nestedProperties ?? []).map((property) => [property.name, property]))
  return Object.fromEntries(
    Object.entries(object).flatMap(([name, value]) => {
      const property = known.get(name)
      const fit = property && fitValue(value, property)
      return fit === undefined ? [] : [[name, fit]]
    }),
  )
}

/** Bytes of that many float32, repeated or cut. */
function resized(bytes: Uint8Array, floats: number): Uint8Array {
  return Uint8Array.from({length: floats * 4}, (_, index) => bytes[index % bytes.length]!)
}

// Of a real server on a busy machine each of the 40 takes up to a minute.
it('arbitrary collections come back the same in every format', {timeout: 2_400_000}, async () => {
  const {connection, rest} = bench
  const formats = FORMATS.filter((format) => !isMissing(format))
  let run = 0
  let objectsSeen = 0
  await fc.assert(
    fc.asyncProperty(arbitraryCollection({maxObjects: 8, nonFinite: false}), async ({objects, schema}) => {
      const format = formats[run++ % formats.length]!
      const [name, other] = [bench.name(`Any${run}`), bench.name(`Other${run}`)]
      const takes = takeable(schema, name, other, connection.capabilities)
      const isShared = isMultiTenant(schema)
      await connection.createCollection({
        class: other,
        vectorizer: 'none',
        ...(isShared && {multiTenancyConfig: {enabled: true}}),
      })
      // Named vectors come to an unnamed one in a second step.
      const {vectorConfig, ...first} = takes
      const isBoth = vectorConfig !== undefined && takes.vectorIndexType !== undefined
      await connection.createCollection(isBoth ? first : takes)
      if (isBoth) await connection.updateCollection({class: name, vectorConfig})
      if (isShared) {
        const tenants = TENANTS.map((tenant) => ({name: tenant, status: 'HOT' as const}))
        await connection.createTenants(other, tenants)
        await connection.createTenants(name, tenants)
      }

      const live = await rest.schema(name)
      const collection = planCollection(live)
      const fittedObjects = objects.map((object) => fitted(object, schema, takes, other))
      if (fittedObjects.length > 0) {
        expect(await connection.writeObjects({collection, objects: fittedObjects})).toEqual([])
        // References to nothing are not for collections with tenants.
        if (collection.hasReferences && !isShared) {
          expect(await connection.writeReferences({collection, objects: fittedObjects})).toEqual([])
        }
      }

      const tenants = isShared ? TENANTS : undefined
      const before = await rest.dump(name, tenants)
      expect(before.size).toBe(objects.length)
      objectsSeen += objects.length
      const backup = await bench.backups.backupCollection(name, {
        batchSize: 3,
        compress: format.compress,
        format: format.format,
      })
      expect((await bench.verifier.verifyBackup(backup.path)).problems).toEqual([])
      await connection.deleteCollection(name)
      const restored = await bench.restores.restoreCollection(backup.path, {batchSize: 2, verify: true})
      expect(restored).toMatchObject({
        rejected: 0,
        verification: {counts: {different: 0, extra: 0, missing: 0}, equal: true, liveDigest: backup.digest},
      })
      expect(dumpDifferences(await rest.dump(name, tenants), before)).toEqual([])
      expect(await rest.schema(name)).toEqual(live)
      await connection.deleteCollection(name)
      await connection.deleteCollection(other)
    }),
    {
      endOnFailure: false,
      numRuns: 40,
      ...(process.env.FC_SEED && {seed: Number(process.env.FC_SEED)}),
    },
  )
  expect(run).toBeGreaterThanOrEqual(40)
  expect(objectsSeen).toBeGreaterThan(40)
})
