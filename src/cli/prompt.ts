import {createInterface} from 'node:readline'
import {Writable} from 'node:stream'

/** True when a question can be asked and answered. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Asks on stderr. Undefined when the input ends without an answer (Ctrl-D) or the signal fires. */
export async function ask(question: string, signal?: AbortSignal): Promise<string | undefined> {
  const answer = await answerTo(question, {output: process.stderr, signal})
  return answer?.trim()
}

/** Asks on stderr for what must not be seen. Undefined when the input ends without an answer. */
export async function askSecret(question: string): Promise<string | undefined> {
  process.stderr.write(question)
  const nowhere = new Writable({
    write(_chunk, _encoding, done) {
      done()
    },
  })
  return answerTo('', {output: nowhere, terminal: true})
}

async function answerTo(
  question: string,
  options: {output: Writable; signal?: AbortSignal; terminal?: true},
): Promise<string | undefined> {
  const readline = createInterface({input: process.stdin, ...options})
  // readline takes Ctrl-C for itself on a terminal.
  readline.once('SIGINT', () => {
    process.kill(process.pid, 'SIGINT')
  })
  return new Promise((resolve) => {
    let given: string | undefined
    readline.once('close', () => {
      // An answer that is seen ends its line.
      if (given === undefined || options.output !== process.stderr) process.stderr.write('\n')
      resolve(given)
    })
    readline.question(question, (answer) => {
      given = answer
      readline.close()
    })
  })
}
