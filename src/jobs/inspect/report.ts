/** What a backup holds, in numbers: read once from its first to its last object, in memory that does not grow with it. */
import type {Archive} from '../../archive/reader.js'
import type {JsonObject, WeaviateObject} from '../../model/object.js'
import type {OperationOptions} from '../../model/progress.js'

import {DataOpsError} from '../../model/errors.js'
import {mapValues} from '../../model/map-values.js'
import {type PropertyReport, PropertySketch, shortText, textOf} from './property-sketch.js'
import {type VectorMap, vectorMap} from './vector-map.js'
import {type VectorReport, VectorSketch} from './vector-sketch.js'

export interface BackupReport {
  /** Of the vector that most objects have, of several the longest; absent where no object has one. */
  map?: VectorMap
  objects: number
  properties: PropertyReport[]
  /** When it was read, RFC 3339: every file had its sealed hash, and number and digest of the objects were those of the seal. */
  verified: string
  vectors: VectorReport[]
}

export interface ReportOptions extends OperationOptions {
  /** Property that colours the map first; default: one with few values. */
  colourBy?: string
}

/** Small pages: what is read lives for a moment only, and the heap stays small. */
const PAGE_BYTES = 512 * 1024

/** @throws DataOpsError BACKUP_DAMAGED; INVALID_INPUT for a property that the schema does not have; INTERRUPTED. */
export async function reportOn(archive: Archive, options: ReportOptions = {}): Promise<BackupReport> {
  const {class: collection} = archive.head.schema
  const properties = archive.head.schema.properties ?? []
  const {colourBy, onProgress, signal} = options
  if (colourBy !== undefined && properties.every(({name}) => name !== colourBy)) {
    throw new DataOpsError('INVALID_INPUT', `"${collection}" has no property "${colourBy}".`, {
      hint: `There are ${properties.map(({name}) => name).join(', ')}.`,
    })
  }

  await archive.assertWhole({onProgress, signal})
  const sketches = properties.map((property) => new PropertySketch(property))
  const vectors = new Map<string, VectorSketch>()
  const pages = archive.pages({check: true, pageBytes: PAGE_BYTES, signal})
  let objects = 0
  for await (const page of pages) {
    for (const object of page.objects) {
      for (const sketch of sketches) sketch.add(object.properties[sketch.name])
      addVectors(vectors, object)
    }

    objects += page.objects.length
    onProgress?.({collection, completed: objects, stage: 'scan', total: archive.objectCount})
  }

  const reports = sketches.map((sketch) => sketch.report(objects))
  const sampled = [...vectors.values()].filter(({points}) => points.length > 2)
  const [mapped] = sampled.sort((a, b) => b.count - a.count || b.longest - a.longest)
  return {
    ...(mapped && {map: vectorMap(mapped.name, mapped.points, reports, colourBy)}),
    objects,
    properties: reports,
    vectors: [...vectors.values()].map((sketch) => sketch.report()),
    verified: new Date().toISOString(),
  }
}

function addVectors(vectors: Map<string, VectorSketch>, object: WeaviateObject): void {
  if (object.vector) sketchOf(vectors, '').add(object.vector, object.vector.byteLength / 4, object)
  for (const [name, named] of object.vectors ?? [])
    sketchOf(vectors, name).add(named.bytes, named.kind === 'multi' ? named.dims : named.bytes.byteLength / 4, object)
}

function sketchOf(vectors: Map<string, VectorSketch>, name: string): VectorSketch {
  const found = vectors.get(name) ?? new VectorSketch(name, shortValues)
  vectors.set(name, found)
  return found
}

/** What a point may be coloured by; long texts are cut, so that a sample stays small. */
function shortValues(properties: JsonObject): JsonObject {
  return mapValues(properties, (value) => {
    const first = Array.isArray(value) ? (value[0] ?? null) : value
    return typeof first === 'number' || first === null ? first : shortText(textOf(first))
  })
}
