import {DataOpsError, EXIT_CODES} from '../model/errors.js'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** The first SIGINT or SIGTERM aborts; a second one ends the process at once. */
export class Interrupt {
  readonly #controller = new AbortController()
  readonly #onFirst: (signal: string) => void

  readonly #handle = (name: 'SIGINT' | 'SIGTERM') => {
    // eslint-disable-next-line unicorn/no-process-exit -- the person insists
    if (this.#controller.signal.aborted) process.exit(EXIT_CODES.INTERRUPTED)
    this.#onFirst(name)
    this.#controller.abort(new DataOpsError('INTERRUPTED', `Stopped by ${name}.`, {retryable: false}))
  }

  constructor(onFirst: (signal: string) => void) {
    this.#onFirst = onFirst
    for (const signal of SIGNALS) process.on(signal, this.#handle)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  dispose(): void {
    for (const signal of SIGNALS) process.off(signal, this.#handle)
  }
}
