/** A thread of a backup: reads the slices that it is given, over a connection of its own, and writes them into parts of its own. */
import type {Connection} from '../../weaviate/connection.js'
import type {LeaderCalls, ThreadCalls, ThreadPage, ThreadResult, ThreadSetup} from './thread-calls.js'

import {ContentDigest, type ObjectContent} from '../../archive/content-digest.js'
import {openPartsWriter} from '../../archive/open-writer.js'
import {type Extent, PartExtent, type PartsForOthers} from '../../archive/writer.js'
import {JsonLinesEncoder} from '../../codec/json/lines.js'
import {ParallelReader, type Slice, type SlicePage} from '../../flow/parallel-reader.js'
import {Throttle} from '../../flow/throttle.js'
import {receiveChain} from '../../flow/transform/sent.js'
import {type TransformChain} from '../../flow/transform/transform.js'
import {type WeaviateObject} from '../../model/object.js'
import {writeAll} from '../../model/sink.js'
import {openStore} from '../../store/open.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {connectAgain} from '../../weaviate/connect.js'
import {checkTenants} from '../survey.js'
import {type Offer, type Peer, started} from '../workers/peer.js'
import {spread} from './sample.js'
import {TakenSum} from './taken.js'

/** `leader`: known once the thread is. */
export function backupThread(leader: () => Peer<LeaderCalls>): Offer {
  let thread: BackupThread | undefined
  const running = (): BackupThread => started(thread)

  const calls: ThreadCalls = {
    close: async () => thread?.close(),
    finish: async () => running().flush(),
    give: () => thread?.give(),
    pushBack() {
      thread?.pushBack()
    },
    read: async (slices) => running().read(slices),
    async start(setup) {
      thread = await BackupThread.start(setup, leader())
    },
    stop() {
      thread?.stop()
    },
  }
  return {...calls}
}

class BackupThread {
  readonly #encoder?: JsonLinesEncoder
  readonly #stop = new AbortController()
  readonly #throttle: Throttle
  #content: ContentDigest
  #flushedAt = performance.now()
  #lastPage: Promise<void> = Promise.resolve()
  #reader?: ParallelReader
  #taken = new TakenSum()

  private constructor(
    private readonly setup: ThreadSetup,
    private readonly leader: Peer<LeaderCalls>,
    private readonly made: {chain?: TransformChain; connection: Connection; parts?: PartsForOthers},
  ) {
    if (!made.parts) this.#encoder = new JsonLinesEncoder(setup.head.schema.class)
    this.#content = this.#digest()
    const tell = (call: Promise<unknown>): void => {
      call.catch(() => {})
    }

    this.#throttle = new Throttle({
      ...setup,
      onPushBack() {
        tell(leader.call('pushedBack', undefined))
      },
      onWarning(warning) {
        tell(leader.call('warn', warning))
      },
      ...(setup.isLimited && {rate: {take: async (cost) => leader.call('pay', cost)}}),
      signal: this.#stop.signal,
    })
  }

  static async start(setup: ThreadSetup, leader: Peer<LeaderCalls>): Promise<BackupThread> {
    const {connect, format, store, transforms} = setup
    const chain = transforms && (await receiveChain(transforms))
    const connection = await connectAgain(connect, {
      headers: async (refused) => connect.headers ?? leader.call('headers', refused),
      onCall(call) {
        leader.call('called', call).catch(() => {})
      },
    })
    const parts =
      format === 'json'
        ? undefined
        : await openPartsWriter({
            ...setup,
            nextName: async (extension) => leader.call('partName', extension),
            store: openStore(store.place, store.options),
          })
    return new BackupThread(setup, leader, {chain, connection, parts})
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.made.parts?.close()
    await this.made.connection.close()
  }

  give(): Slice | undefined {
    return this.#reader?.give()
  }

  pushBack(): void {
    this.#throttle.pushBack()
  }

  stop(): void {
    this.#stop.abort()
  }

  async read(slices: Slice[]): Promise<void> {
    const {flushEvery, schema} = this.setup
    const reader = new ParallelReader({
      ...this.setup,
      connection: this.made.connection,
      include: 'objects',
      plan: planCollection(schema),
      signal: this.#stop.signal,
      slices,
      throttle: this.#throttle,
    })
    this.#reader = reader
    // False while a page is in the digest and not in the part: what is flushed then would not fit together.
    let isWhole = true
    try {
      for await (const page of reader.pages()) {
        isWhole = false
        await this.#take(page)
        isWhole = true
        const isDue = performance.now() - this.#flushedAt >= flushEvery.ms
        if ((this.made.parts?.bytes ?? 0) >= flushEvery.bytes || isDue) await this.flush()
      }

      await this.#lastPage
    } catch (error) {
      // What is here need not be read again. The first failure is the one to report.
      if (isWhole) await this.flush().catch(() => {})
      throw error
    } finally {
      this.#reader = undefined
    }
  }

  /** Ends the part, where one is being written, and says so. */
  async flush(): Promise<void> {
    await this.#lastPage
    const {parts} = this.made
    if (!parts) return
    const part = await parts.finish()
    this.#flushedAt = performance.now()
    await this.leader.call('flushed', this.#result(part ? [part] : []))
  }

  async #take(page: SlicePage): Promise<void> {
    const {objects, tenant} = page
    const written = this.made.chain ? await this.#changed(this.made.chain, objects) : objects
    const contents: ObjectContent[] = Array.from(written, (object) => this.#content.add(object))
    if (this.made.parts) await writeAll(this.made.parts, written)
    const document = this.#encoder && encodeLines(this.#encoder, written)
    page.done()
    const {isIndexed} = this.setup
    await this.#say({
      bytes: this.made.parts?.bytes ?? 0,
      ...(this.made.chain && {changed: written.map(({id, tenant: own}) => ({id, tenant: own}))}),
      ...(document && {document: {...document, result: this.#result([])}}),
      ids: objects.map(({id}) => id).join(''),
      ...(isIndexed && {indexed: written.map(({lastUpdateTimeUnix}, at) => [lastUpdateTimeUnix, contents[at]!])}),
      sample: sampleOf(objects),
      spare: this.#reader?.spare ?? 0,
      ...(tenant !== undefined && {tenant}),
    })
    // What was told was copied; transforms may have kept an object.
    if (!this.made.chain) page.release()
  }

  /** One page is being told of while the next one is worked on. */
  async #say(page: ThreadPage): Promise<void> {
    await this.#lastPage
    const lines = page.document?.lines.buffer
    this.#lastPage = this.leader.call('page', page, lines instanceof ArrayBuffer ? [lines] : [])
    // Met when it is waited for.
    this.#lastPage.catch(() => {})
  }

  async #changed(chain: TransformChain, objects: readonly WeaviateObject[]): Promise<readonly WeaviateObject[]> {
    const changed = await chain.objects(objects, this.#stop.signal)
    checkTenants(chain, changed)
    this.#taken.add(objects)
    return changed
  }

  /** All that came since the last one. */
  #result(parts: ThreadResult['parts']): ThreadResult {
    const content = this.#content.state()
    this.#content = this.#digest()
    const takenSum = this.#taken.hex()
    this.#taken = new TakenSum()
    return {content, parts, remaining: this.#reader?.remaining() ?? [], ...(this.made.chain && {takenSum})}
  }

  #digest(): ContentDigest {
    return new ContentDigest(this.made.chain?.schema ?? this.setup.schema)
  }
}

function encodeLines(
  encoder: JsonLinesEncoder,
  objects: readonly WeaviateObject[],
): {lines: Uint8Array; written: Extent} {
  const extent = new PartExtent()
  extent.add(objects)
  const {firstId, lastId, rows} = extent
  return {lines: encoder.encode(objects), written: {firstId, lastId, rows}}
}

/** Some of a page, with what tells an object from another of its id. */
function sampleOf(objects: readonly WeaviateObject[]): WeaviateObject[] {
  return spread(objects).map(({creationTimeUnix, id, tenant}) => ({creationTimeUnix, id, properties: {}, tenant}))
}
