/** A backup as it is to be restored, where that is not as it is: references to what is gone left out, hashes hashed again. */
import type {ObjectSource} from '../../flow/source.js'
import type {JsonObject, WeaviateObject} from '../../model/object.js'

import {referenceProperties, type WeaviateClass} from '../../model/schema.js'
import {sha256Hex} from '../../platform/node.js'
import {parseBeacon} from '../../weaviate/values.js'

/** What a restore and a comparison read of a backup. */
export type ArchiveView = Pick<ObjectSource, 'head' | 'isLive' | 'objectCount' | 'pages' | 'path' | 'seal'>

/** Without references to these collections: properties that can point nowhere else are gone, others have fewer targets. */
export function withoutTargets(schema: WeaviateClass, missing: ReadonlySet<string>): WeaviateClass {
  const references = new Set(referenceProperties(schema).map(({name}) => name))
  const properties = (schema.properties ?? [])
    .map((property) =>
      references.has(property.name)
        ? {...property, dataType: property.dataType.filter((target) => !missing.has(target))}
        : property,
    )
    .filter(({dataType}) => dataType.length > 0)
  return {...schema, properties}
}

/** The same for the objects too. */
export function viewWithoutTargets(archive: ArchiveView, missing: ReadonlySet<string>): ArchiveView {
  const {schema} = archive.head
  const names = referenceProperties(schema)
    .filter(({dataType}) => dataType.some((target) => missing.has(target)))
    .map(({dataType, name}) => ({isGone: dataType.every((target) => missing.has(target)), name}))
  return viewOf(archive, withoutTargets(schema, missing), (properties) => {
    for (const {isGone, name} of names) {
      const references = properties[name]
      if (!Array.isArray(references)) continue
      const kept = isGone ? [] : references.filter((reference) => !missing.has(targetOf(reference) ?? ''))
      if (kept.length > 0) properties[name] = kept
      else Reflect.deleteProperty(properties, name)
    }
  })
}

/** Properties of the type blobHash hold what the server makes of a hash that is written to them. */
export function viewHashedAgain(archive: ArchiveView): ArchiveView {
  const {schema} = archive.head
  const names = blobHashes(schema)
  if (names.length === 0) return archive
  return viewOf(archive, schema, (properties) => {
    for (const name of names) {
      const value = properties[name]
      if (typeof value === 'string') properties[name] = sha256Hex(value)
    }
  })
}

/** Names of the properties of which the server keeps a hash only. */
export function blobHashes(schema: WeaviateClass): string[] {
  return (schema.properties ?? []).filter(({dataType}) => dataType[0] === 'blobHash').map(({name}) => name)
}

function targetOf(reference: unknown): string | undefined {
  const {beacon} = (reference ?? {}) as {beacon?: unknown}
  return typeof beacon === 'string' ? parseBeacon(beacon)?.collection : undefined
}

/** `change` gets a copy of each object's properties. */
function viewOf(archive: ArchiveView, schema: WeaviateClass, change: (properties: JsonObject) => void): ArchiveView {
  const changed = (object: WeaviateObject): WeaviateObject => {
    const properties = {...object.properties}
    change(properties)
    return {...object, properties}
  }

  return {
    ...describedAs(archive),
    head: {...archive.head, schema},
    async *pages(options) {
      for await (const page of archive.pages(options))
        yield {...page, objects: page.objects.map((object) => changed(object))}
    },
  }
}

/** All that is said of it, without its pages. */
export function describedAs({head, isLive, objectCount, path, seal}: ArchiveView): Omit<ArchiveView, 'pages'> {
  return {head, isLive, objectCount, path, seal}
}
