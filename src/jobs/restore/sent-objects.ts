/** Objects on their way to another thread: their vectors in one piece, which is handed over and not copied. */
import type {NamedVector, WeaviateObject} from '../../model/object.js'

/** Where a vector stands. */
interface Place {
  bytes: number
  start: number
}

type SentVector = Place & ({dims: number; kind: 'multi'} | {kind: 'single'})

interface SentObject extends Omit<WeaviateObject, 'vector' | 'vectors'> {
  vector?: Place
  vectors?: Array<[name: string, vector: SentVector]>
}

export interface SentObjects {
  objects: SentObject[]
  /** All vectors, one behind another. */
  vectors: ArrayBuffer
}

export function sendObjects(objects: readonly WeaviateObject[]): SentObjects {
  let total = 0
  for (const {vector, vectors} of objects) {
    total += vector?.length ?? 0
    for (const {bytes} of vectors?.values() ?? []) total += bytes.length
  }

  const all = new Uint8Array(total)
  let end = 0
  const put = (bytes: Uint8Array): Place => {
    const start = end
    all.set(bytes, start)
    end += bytes.length
    return {bytes: bytes.length, start}
  }

  const sent = objects.map(({vector, vectors, ...object}): SentObject => ({
    ...object,
    ...(vector && {vector: put(vector)}),
    ...(vectors && {vectors: Array.from(vectors, ([name, named]) => [name, sendVector(named, put)])}),
  }))
  return {objects: sent, vectors: all.buffer}
}

function sendVector(vector: NamedVector, put: (bytes: Uint8Array) => Place): SentVector {
  const place = put(vector.bytes)
  return vector.kind === 'multi' ? {...place, dims: vector.dims, kind: 'multi'} : {...place, kind: 'single'}
}

export function receiveObjects({objects, vectors: all}: SentObjects): WeaviateObject[] {
  const bytesAt = ({bytes, start}: Place): Uint8Array => new Uint8Array(all, start, bytes)
  return objects.map(({vector, vectors, ...object}) => ({
    ...object,
    ...(vector && {vector: bytesAt(vector)}),
    ...(vectors && {vectors: new Map(vectors.map(([name, sent]) => [name, receiveVector(sent, bytesAt)]))}),
  }))
}

function receiveVector(sent: SentVector, bytesAt: (place: Place) => Uint8Array): NamedVector {
  const bytes = bytesAt(sent)
  return sent.kind === 'multi' ? {bytes, dims: sent.dims, kind: 'multi'} : {bytes, kind: 'single'}
}
