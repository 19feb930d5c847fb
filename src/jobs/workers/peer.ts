/** Calls between two threads: either side calls what the other offers, and gets its result or its error. */
import type {Transferable} from 'node:worker_threads'

import {receiveError, sendError, type SentError} from './sent-error.js'

/** What is used of a `Worker` and of a `MessagePort`. */
export interface Port {
  on: (event: 'message', listener: (message: Message) => void) => unknown
  postMessage: (message: Message, transfer?: readonly Transferable[]) => void
}

interface CallMessage {
  call: string
  id: number
  payload: unknown
}

export type Message = CallMessage | {error: SentError; id: number} | {id: number; result: unknown}

/** What one side offers, by name. */
export type Offer = Record<string, (payload: never) => unknown>

type PayloadOf<Call> = Call extends (payload: infer Payload) => unknown ? Payload : never
type ResultOf<Call> = Call extends (payload: never) => infer Result ? Awaited<Result> : never

/** What a thread has once it was told to start. */
export function started<T>(thread: T | undefined): T {
  if (thread === undefined) throw new TypeError('the thread is not started')
  return thread
}

/** `Theirs`: what the other side offers. */
export class Peer<Theirs extends object> {
  readonly #port: Port
  readonly #waiting = new Map<number, {reject: (error: unknown) => void; resolve: (result: unknown) => void}>()
  #ended?: {error: unknown}
  #last = 0

  /** `ours`: what is offered to the other side. */
  constructor(port: Port, ours: Offer) {
    this.#port = port
    port.on('message', (message) => {
      if ('call' in message) void this.#answer(ours, message)
      else this.#settle(message)
    })
  }

  /** @throws what the other side threw, or why it has ended. */
  async call<Name extends keyof Theirs & string>(
    name: Name,
    payload: PayloadOf<Theirs[Name]>,
    transfer?: readonly Transferable[],
  ): Promise<ResultOf<Theirs[Name]>> {
    if (this.#ended) throw this.#ended.error
    const id = ++this.#last
    const {promise, reject, resolve} = Promise.withResolvers<unknown>()
    this.#waiting.set(id, {reject, resolve})
    this.#port.postMessage({call: name, id, payload}, transfer)
    return promise as Promise<ResultOf<Theirs[Name]>>
  }

  /** The other side is no more: what waits for it fails. */
  end(error: unknown): void {
    this.#ended ??= {error}
    for (const {reject} of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  async #answer(ours: Offer, {call, id, payload}: CallMessage): Promise<void> {
    try {
      const result: unknown = await ours[call]?.(payload as never)
      this.#port.postMessage({id, result})
    } catch (error) {
      this.#port.postMessage({error: sendError(error), id})
    }
  }

  #settle(message: Exclude<Message, CallMessage>): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('error' in message) waiting?.reject(receiveError(message.error))
    else waiting?.resolve(message.result)
  }
}
