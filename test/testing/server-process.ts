import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {createInterface} from 'node:readline'

import type {EmbeddedWeaviateOptions} from '../../src/testing/index.js'

import {programFile} from '../support/programs.js'

export interface ServerProcess {
  grpcUrl: string
  /** Ends it, by default with SIGKILL; resolves when it is gone. */
  kill: (signal?: 'SIGKILL' | 'SIGTERM') => Promise<void>
  pid: number
  url: string
}

/** An embedded server in a process of its own. It ends with this process at the latest. */
export async function startServerProcess(
  options: Omit<EmbeddedWeaviateOptions, 'onRequest' | 'vectorize'> = {},
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [programFile('server'), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({input: child.stdout})
  const [line] = (await Promise.race([once(lines, 'line'), exited.then(() => [undefined])])) as [string | undefined]
  if (line === undefined) throw new Error('the embedded server process ended before it was ready')
  const {grpcUrl, pid, url} = JSON.parse(line) as {grpcUrl: string; pid: number; url: string}
  return {
    grpcUrl,
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      await exited
    },
    pid,
    url,
  }
}
