import {createInterface} from 'node:readline'
import {Writable} from 'node:stream'

/** True when a question can be asked and answered. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Asks on stderr. Undefined when the input ends without an answer (Ctrl-D) or the signal fires. */
export async function ask(question: string, signal?: AbortSignal): Promise<string | undefined> {
  const readline = createInterface({input: process.stdin, output: process.stderr})
  return new Promise((resolve) => {
    let isOver = false
    const end = (answer?: string) => {
      // Closing calls this again.
      if (isOver) return
      isOver = true
      signal?.removeEventListener('abort', onAbort)
      if (answer === undefined) process.stderr.write('\n')
      resolve(answer)
      readline.close()
    }

    const onAbort = () => {
      end()
    }

    signal?.addEventListener('abort', onAbort, {once: true})
    readline.once('close', onAbort)
    // readline takes Ctrl-C for itself on a terminal.
    readline.once('SIGINT', () => {
      process.kill(process.pid, 'SIGINT')
    })
    readline.question(question, (answer) => {
      end(answer.trim())
    })
  })
}

/** Asks on stderr for what must not be seen. Undefined when the input ends without an answer. */
export async function askSecret(question: string): Promise<string | undefined> {
  process.stderr.write(question)
  const nowhere = new Writable({
    write(_chunk, _encoding, done) {
      done()
    },
  })
  const readline = createInterface({input: process.stdin, output: nowhere, terminal: true})
  return new Promise((resolve) => {
    readline.once('close', () => {
      process.stderr.write('\n')
      resolve(undefined)
    })
    readline.once('SIGINT', () => {
      process.kill(process.pid, 'SIGINT')
    })
    readline.question('', (answer) => {
      resolve(answer)
      readline.close()
    })
  })
}
