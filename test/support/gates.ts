/** Holds calls to an embedded server open until they are let go: a moment that lasts as long as a test needs it, whatever the machine's load. */
import type {RequestInfo} from '../../src/testing/index.js'

export interface Held {
  /** Resolves when the first call waits. */
  reached: Promise<void>
  /** Every one that waits, or comes later, is answered. */
  release: () => void
}

export class Gates {
  readonly #held = new Map<string, Held & {wait: () => Promise<void>}>()

  /** For `startEmbeddedWeaviate`. */
  readonly onRequest = async ({method, path, transport}: RequestInfo): Promise<void> => {
    await this.#held.get(transport === 'rest' ? `${method} ${path}` : method)?.wait()
  }

  /** Calls beyond so many wait. `call`: the name of a gRPC call, or the verb and path of a request over REST. */
  hold(call: string, beyond: number): Held {
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    let calls = 0
    const held = {
      reached: reached.promise,
      release() {
        released.resolve()
      },
      async wait() {
        if (++calls <= beyond) return
        reached.resolve()
        await released.promise
      },
    }
    this.#held.get(call)?.release()
    this.#held.set(call, held)
    return held
  }

  /** None waits any more. */
  release(): void {
    for (const {release} of this.#held.values()) release()
    this.#held.clear()
  }
}
