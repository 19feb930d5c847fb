import {DataOpsError, EXIT_CODES} from '../model/errors.js'

/** That ask a process to end. */
export const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const

type Signal = (typeof SIGNALS)[number]

/** The first signal aborts; a second one ends the process at once, unless it only says again that the terminal is closed. */
export class Interrupt {
  readonly #controller = new AbortController()

  readonly #handle = (name: Signal) => {
    if (this.#controller.signal.aborted) {
      if (name === 'SIGHUP') return
      // eslint-disable-next-line unicorn/no-process-exit -- the person insists
      process.exit(EXIT_CODES.INTERRUPTED)
    }

    this.onFirst(name)
    this.#controller.abort(new DataOpsError('INTERRUPTED', `Stopped by ${name}.`, {retryable: false}))
  }

  constructor(private readonly onFirst: (signal: string) => void) {
    for (const signal of SIGNALS) process.on(signal, this.#handle)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Once it was interrupted it goes on listening: a second signal while the command ends must not kill it by name, without an exit code. */
  dispose(): void {
    if (this.#controller.signal.aborted) return
    for (const signal of SIGNALS) process.off(signal, this.#handle)
  }
}
