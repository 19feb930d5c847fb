/** Temporary files of this process. What an encrypted backup holds may lie in them in the clear: they go with it, or, if it is killed, with the next one. */
import {lstatSync, readdirSync, rmSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'

import {sha256Hex} from '../platform/node.js'
import {lifeOf, SELF} from '../store/process.js'
import {storageError} from '../store/storage-error.js'

/** Whose a folder is stands in its name, so that there is none without an owner: machine, process, and when that started. */
const NAME = /^elysia-tmp-([\da-f]{12})-(\d+)-(\d*)-\w{6}$/

function machineDigest(): string {
  return sha256Hex(SELF.machine ?? '').slice(0, 12)
}

/** Those of this process that are there now. */
const folders = new Set<string>()

/** A process that is ended at once, as by a second Ctrl-C, leaves nothing. */
function removeAtExit(): void {
  for (const folder of folders) removeNow(folder)
}

function removeNow(folder: string): void {
  try {
    rmSync(folder, {force: true, recursive: true})
  } catch {
    // The process ends, or goes on, all the same; the next one tries again.
  }
}

/** Removes what processes of this user on this machine have left that were killed. What may still be needed, or cannot be removed, stays. */
export function sweepTemporaryFolders(): void {
  const machine = machineDigest()
  for (const name of namesIn(tmpdir())) {
    const [, where, pid, started] = NAME.exec(name) ?? []
    if (where !== machine) continue
    const owner = {machine: SELF.machine, pid: Number(pid), started: started === '' ? undefined : started}
    const folder = path.join(tmpdir(), name)
    if (lifeOf(owner) === 'dead' && isOwn(folder)) removeNow(folder)
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Anybody may make names in a folder that all share. */
function isOwn(folder: string): boolean {
  const stats = lstatSync(folder, {throwIfNoEntry: false})
  return stats !== undefined && stats.isDirectory() && (process.getuid === undefined || stats.uid === process.getuid())
}

/** A private folder (mode 0700) for temporary files, created when it is needed and removed with all in it: at the end of the process at the latest. */
export class TemporaryFolder {
  #folder?: Promise<string>

  /** Absolute. @throws DataOpsError STORAGE. */
  async path(): Promise<string> {
    this.#folder ??= this.#make()
    return this.#folder
  }

  async remove(): Promise<void> {
    if (!this.#folder) return
    const folder = await this.#folder.catch(() => undefined)
    if (folder === undefined) return
    await rm(folder, {force: true, recursive: true})
    folders.delete(folder)
    if (folders.size === 0) process.off('exit', removeAtExit)
  }

  async #make(): Promise<string> {
    sweepTemporaryFolders()
    const prefix = `elysia-tmp-${machineDigest()}-${process.pid}-${SELF.started ?? ''}-`
    try {
      const folder = await mkdtemp(path.join(tmpdir(), prefix))
      if (folders.size === 0) process.on('exit', removeAtExit)
      folders.add(folder)
      return folder
    } catch (error) {
      throw await storageError(error, tmpdir(), {verb: 'create a temporary folder in'})
    }
  }
}
