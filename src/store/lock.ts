import {readFileSync, readlinkSync} from 'node:fs'
import {hostname} from 'node:os'
import {setTimeout as sleep} from 'node:timers/promises'

import type {Store} from './store.js'

import {DataOpsError} from '../model/errors.js'
/** Locks between processes, on this machine or on several that share a folder, through nothing but a store's own operations. */
import {randomUUID, sha256Hex} from '../platform/node.js'
import {temporaryName} from './temporary-name.js'

/** Milliseconds: how often an owner shows that it lives, and how long without that takes the lock from it. */
const HEARTBEAT = 5000
const STALE = 30_000
/** Milliseconds that `acquire` waits: long enough to see a lock go stale. */
const WAIT = 45_000
const MAX_LOCK_BYTES = 4096

/**
 * A file that exists while its owner holds it, naming the owner. One whose owner is dead, or has not shown itself for 30 s,
 * is taken over. An owner that was suspended that long has lost it: `check` before what must not happen twice.
 */
export class StoreLock {
  /** Waits up to `waitMs` for the lock. @throws DataOpsError STORAGE, naming the owner, when the time is up. */
  static async acquire(store: Store, name: string, {waitMs = WAIT}: {waitMs?: number} = {}): Promise<StoreLock> {
    const started = performance.now()
    for (let pause = 10; ; pause = Math.min(pause * 1.5, 250)) {
      const lock = await this.tryAcquire(store, name)
      if (lock) return lock
      if (performance.now() - started > waitMs) throw await held(store, name)
      // Jitter, so that those who wait do not meet again and again.
      await sleep(pause * (0.5 + Math.random()))
    }
  }

  /** The lock, or undefined when another owner holds it. */
  static async tryAcquire(store: Store, name: string): Promise<StoreLock | undefined> {
    const text = JSON.stringify({...SELF, time: new Date().toISOString(), token: randomUUID()})
    return (await take(store, name, text)) ? new this(store, name, text) : undefined
  }

  /** Whether an owner that lives holds it now. */
  static async isHeld(store: Store, name: string): Promise<boolean> {
    const found = await readLock(store, name)
    return found !== undefined && !(await isStale(store, found))
  }

  #beat: Promise<void> = Promise.resolve()
  #isLost = false
  readonly #timer: NodeJS.Timeout

  private constructor(
    private readonly store: Store,
    private readonly name: string,
    private readonly text: string,
  ) {
    this.#timer = setInterval(() => {
      this.#beat = this.#beat.then(async () => this.#show())
    }, HEARTBEAT)
    this.#timer.unref()
  }

  async #show(): Promise<void> {
    try {
      // The same bytes: it is the time of the file that counts.
      if (await this.#isOurs()) await this.store.writeAtomic(this.name, new TextEncoder().encode(this.text))
      else this.#isLost = true
    } catch {
      // The next beat tries again; `check` tells the owner.
    }
  }

  async #isOurs(): Promise<boolean> {
    return (await readLock(this.store, this.name))?.text === this.text
  }

  /** @throws DataOpsError STORAGE when another process has taken the lock. */
  async check(): Promise<void> {
    if (!this.#isLost && (await this.#isOurs())) return
    throw new DataOpsError('STORAGE', `The lock ${this.store.describe(this.name)} was lost to another process.`, {
      hint: 'This process stood still for too long; try again.',
      retryable: true,
    })
  }

  async release(): Promise<void> {
    clearInterval(this.#timer)
    await this.#beat
    if (await this.#isOurs()) await this.store.remove(this.name)
  }
}

interface Owner {
  host?: string
  machine?: string
  pid?: number
  started?: string
  time?: string
}

interface LockFile {
  /** Milliseconds since 1970, by the clock of the file system. */
  modified: number
  owner: Owner
  text: string
}

/** Who this process is; `machine` changes with each boot and differs between containers, where process ids mean nothing to each other. */
const SELF: Owner = {
  host: hostname(),
  machine: [
    hostname(),
    tryRead(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace(),
  ].join(' '),
  pid: process.pid,
  started: startOf(process.pid),
}

/**
 * Takes a name that is free or whose owner is gone. Whoever replaces a stale lock first takes a claim named after that very
 * lock, in the same way: so no two do it, and none replaces the lock of the one that was faster.
 */
async function take(store: Store, name: string, text: string): Promise<boolean> {
  const found = await readLock(store, name)
  if (!found) return create(store, name, text)
  if (!(await isStale(store, found))) return false
  const claim = `${name}.${sha256Hex(found.text).slice(0, 8)}`
  if (!(await take(store, claim, text))) return false
  try {
    const again = await readLock(store, name)
    if (again?.text !== found.text || !(await isStale(store, again))) return false
    await store.writeAtomic(name, new TextEncoder().encode(text))
    return true
  } finally {
    await store.remove(claim)
  }
}

/** Creates a file with its content, or not at all: nobody ever reads half an owner. */
async function create(store: Store, name: string, text: string): Promise<boolean> {
  const temporary = await writeTemporary(store, text)
  const isCreated = await store.rename(temporary, name)
  if (!isCreated) await store.remove(temporary)
  return isCreated
}

async function writeTemporary(store: Store, text: string): Promise<string> {
  const name = temporaryName()
  const writer = await store.openWrite(name, {create: true})
  try {
    await writer.append([new TextEncoder().encode(text)])
  } finally {
    await writer.close()
  }

  return name
}

async function readLock(store: Store, name: string): Promise<LockFile | undefined> {
  const entry = await store.stat(name)
  if (!entry) return undefined
  let text: string
  try {
    const reader = await store.openRead(name)
    try {
      text = new TextDecoder().decode(await reader.read(0, Math.min(reader.size, MAX_LOCK_BYTES)))
    } finally {
      await reader.close()
    }
  } catch (error) {
    if (error instanceof DataOpsError && error.code === 'NOT_A_BACKUP') return undefined
    throw error
  }

  return {modified: entry.modified, owner: parseOwner(text), text}
}

/** An owner that cannot be read is one of whom nothing is known. */
function parseOwner(text: string): Owner {
  try {
    const {host, machine, pid, started, time} = JSON.parse(text) as Record<string, unknown>
    return {
      host: typeof host === 'string' ? host : undefined,
      machine: typeof machine === 'string' ? machine : undefined,
      pid: Number.isSafeInteger(pid) && Number(pid) > 0 ? Number(pid) : undefined,
      started: typeof started === 'string' ? started : undefined,
      time: typeof time === 'string' ? time : undefined,
    }
  } catch {
    return {}
  }
}

async function isStale(store: Store, {modified, owner}: LockFile): Promise<boolean> {
  if (owner.machine === SELF.machine && owner.pid !== undefined) {
    if (!isRunning(owner.pid)) return true
    const started = startOf(owner.pid)
    // Another start is another process with a used number.
    if (started !== undefined) return started !== owner.started
  }

  // Both times are the file system's: clocks of other machines do not matter. A lock from the future is as wrong as an old one.
  const probe = await writeTemporary(store, '')
  try {
    const now = (await store.stat(probe))?.modified ?? modified
    return Math.abs(now - modified) > STALE
  } finally {
    await store.remove(probe)
  }
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

/** When a process started, in a form that is only good for comparing; undefined where the system does not say. A zombie has ended. */
function startOf(pid: number): string | undefined {
  const fields = tryRead(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
    ?.split(') ')
    .at(-1)
    ?.split(' ')
  return fields?.[0] === 'Z' ? 'ended' : fields?.[19]
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

async function held(store: Store, name: string): Promise<DataOpsError> {
  const where = store.describe(name)
  const owner = (await readLock(store, name))?.owner ?? {}
  const who = owner.pid === undefined ? 'another process' : `process ${owner.pid} on ${owner.host ?? 'another host'}`
  return new DataOpsError('STORAGE', `${where} is held by ${who}${owner.time ? ` since ${owner.time}` : ''}.`, {
    details: {host: owner.host, path: where, pid: owner.pid, since: owner.time},
    hint: 'Try again once it has finished; remove the file if no such process runs.',
    retryable: true,
  })
}
