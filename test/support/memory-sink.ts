import type {WeaviateObject, WriteFailure} from '../../src/model/object.js'
import type {ObjectSink} from '../../src/model/sink.js'

import {
  type ArchivePosition,
  type ArchiveWriter,
  type SealedArchive,
  sealedFacts,
  type SealSummary,
} from '../../src/archive/writer.js'

/** A sink in memory. `references`: names of those that a restore writes by themselves. */
export class MemorySink implements ObjectSink {
  readonly objects = new Map<string, WeaviateObject>()
  readonly #references: ReadonlySet<string>
  constructor(references: readonly string[] = []) {
    this.#references = new Set(references)
  }

  async write(objects: readonly WeaviateObject[]): Promise<WriteFailure[]> {
    for (const object of objects) this.#take(object, {}, (name) => !this.#references.has(name))
    return []
  }

  async writeReferences(objects: readonly WeaviateObject[]): Promise<WriteFailure[]> {
    for (const object of objects) this.#take(object, this.objects.get(object.id), (name) => this.#references.has(name))
    return []
  }

  #take(object: WeaviateObject, held: Partial<WeaviateObject> | undefined, isTaken: (name: string) => boolean): void {
    if (!held) throw new Error(`references of ${object.id}, which was not written`)
    const taken = Object.fromEntries(Object.entries(object.properties).filter(([name]) => isTaken(name)))
    this.objects.set(object.id, {...object, ...held, properties: {...held.properties, ...taken}})
  }
}

/** The same for backups, which seal it. */
export class MemoryArchive extends MemorySink implements ArchiveWriter {
  bytes = 0
  rows = 0
  async close(): Promise<void> {}
  async flush(): Promise<ArchivePosition> {
    return {parts: [], rows: this.rows}
  }

  async seal({amendments, ...summary}: SealSummary): Promise<SealedArchive> {
    const statistics = {...summary.statistics, bytes: 0, rows: this.rows}
    const document = {bytes: 0, sha256: ''}
    const seal = {...sealedFacts({...summary, amendments}), amendments, checksum: '', document, parts: [], statistics}
    return {bytes: 0, name: 'memory', seal}
  }
}
