/** Who holds a lease: a process, and whether it still runs, as far as this machine can say. */
import {readFileSync, readlinkSync} from 'node:fs'
import {hostname} from 'node:os'
import {threadId} from 'node:worker_threads'

export interface Owner {
  host?: string
  /** Changes with each boot, and differs between containers, where process ids mean nothing to each other. */
  machine?: string
  pid?: number
  /** When the process started, in a form that is only good for comparing. */
  started?: string
  /** Threads of one process know nothing of each other's. */
  thread?: number
}

/** This process. */
export const SELF: Owner = {
  host: hostname(),
  machine: [
    hostname(),
    tryRead(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace(),
  ].join(' '),
  pid: process.pid,
  started: statusOf(process.pid)?.started,
  thread: threadId,
}

/** Whether it is this very thread of this process. */
export function isSelf(owner: Owner): boolean {
  return (
    owner.machine === SELF.machine &&
    owner.pid === SELF.pid &&
    owner.started === SELF.started &&
    owner.thread === SELF.thread
  )
}

/** `dead`: it can do nothing any more. `running`: it can, and is not stopped. `unknown`: it cannot be asked, or stands still. */
export function lifeOf(owner: Owner): 'dead' | 'running' | 'unknown' {
  if (owner.machine !== SELF.machine || owner.pid === undefined) return 'unknown'
  if (!isRunning(owner.pid)) return 'dead'
  const status = statusOf(owner.pid)
  if (status === undefined) return 'running'
  // A zombie has ended, and another start is another process with a used number. Who could not tell its own may be this one.
  const isAnother = owner.started !== undefined && status.started !== owner.started
  if (status.state === 'Z' || isAnother) return 'dead'
  return status.state === 'T' || status.state === 't' ? 'unknown' : 'running'
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not allowed to signal it: somebody else's, and running.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** undefined where the system does not say. */
function statusOf(pid: number): undefined | {started?: string; state?: string} {
  const fields = tryRead(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
    ?.split(') ')
    .at(-1)
    ?.split(' ')
  return fields && {started: fields[19], state: fields[0]}
}

function pidNamespace(): string | undefined {
  return tryRead(() => readlinkSync('/proc/self/ns/pid'))
}

function tryRead(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
