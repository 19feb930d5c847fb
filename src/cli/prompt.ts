import {createInterface} from 'node:readline'
import {Writable} from 'node:stream'

import {DataOpsError} from '../model/errors.js'
import {SIGNALS} from './interrupt.js'

/** True when a question can be asked and answered. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Asks on stderr. Undefined when the input ends without an answer (Ctrl-D). @throws DataOpsError INTERRUPTED. */
export async function ask(question: string): Promise<string | undefined> {
  const answer = await answerTo(question, {output: process.stderr})
  return answer?.trim()
}

/** Asks on stderr for what must not be seen. Undefined when the input ends without an answer. @throws DataOpsError INTERRUPTED. */
export async function askSecret(question: string): Promise<string | undefined> {
  process.stderr.write(question)
  const nowhere = new Writable({
    write(_chunk, _encoding, done) {
      done()
    },
  })
  return answerTo('', {output: nowhere, terminal: true})
}

/** Ends with a signal whoever else listens to it: they only stop the work, of which there is none yet. */
async function answerTo(question: string, options: {output: Writable; terminal?: true}): Promise<string | undefined> {
  const readline = createInterface({input: process.stdin, ...options})
  let stoppedBy: string | undefined
  const stop = (name: string): void => {
    stoppedBy = name
    readline.close()
  }

  for (const name of SIGNALS) process.on(name, stop)
  // readline takes Ctrl-C for itself on a terminal.
  readline.once('SIGINT', () => {
    process.kill(process.pid, 'SIGINT')
  })
  return new Promise((resolve, reject) => {
    let given: string | undefined
    readline.once('close', () => {
      for (const name of SIGNALS) process.off(name, stop)
      // An answer that is seen ends its line.
      if (given === undefined || options.output !== process.stderr) process.stderr.write('\n')
      if (stoppedBy === undefined) resolve(given)
      else reject(new DataOpsError('INTERRUPTED', `Stopped by ${stoppedBy}; nothing was changed.`, {retryable: false}))
    })
    readline.question(question, (answer) => {
      given = answer
      readline.close()
    })
  })
}
