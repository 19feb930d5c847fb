/** The bytes of a backup on their way to another place. */
import type {OperationOptions} from '../../model/progress.js'
import type {KnownKind, Store, StoreReader} from '../../store/store.js'

import {keyFilesOf} from '../../archive/encrypted/key-file.js'
import {isKeyFileName, isOwnFile, METADATA_FILE} from '../../archive/names.js'
import {toHex} from '../../codec/bytes.js'
import {throwIfAborted} from '../../model/errors.js'
import {overlay} from '../../model/overlay.js'
import {nodePlatform} from '../../platform/node.js'
import {copyObject} from '../../store/copy.js'
import {isMissing, refused} from '../../store/damaged.js'
import {readAll} from '../../store/read-all.js'
import {arrivedDamaged, assertSourceWhole, filesOf, type FoundBackup, problemsOf, taken} from './found.js'

export interface Copying extends Pick<OperationOptions, 'onProgress' | 'signal'> {
  /** @throws DataOpsError when another process has the name by now. */
  check: () => Promise<void>
  /** At the target. */
  name: string
  target: Store
}

/** Copies what is not there yet of a folder, but for `metadata.json`. Returns the bytes that were. */
export async function copyFiles(backup: FoundBackup, copying: Copying): Promise<number> {
  const {check, name, signal, target} = copying
  const wanted = new Set(await filesOf(backup))
  const sizes = new Map((await backup.store.list(backup.name)).map((entry) => [entry.name, entry.bytes]))
  const there = new Set<string>()
  let resumed = 0
  for (const entry of await target.list(name)) {
    if (!isOwnFile(entry.name)) continue
    if (wanted.has(entry.name) && entry.bytes === sizes.get(entry.name)) {
      there.add(entry.name)
      resumed += entry.bytes
    } else await target.remove(`${name}/${entry.name}`)
  }

  const progress = progressOf(backup, copying, {files: wanted.size, there: there.size})
  const onChunk = (chunk: Uint8Array): void => {
    throwIfAborted(signal)
    progress(chunk.length)
  }

  const left: string[] = []
  for (const file of wanted) if (!there.has(file)) left.push(file)
  for (let file = left.shift(); file !== undefined; file = left.shift()) {
    await check()
    const key = `${name}/${file}`
    await target.unfinished?.remove(key)
    const from = {key: `${backup.name}/${file}`, store: backup.store}
    try {
      if (!(await copyObject(from, {key, store: target}, {onChunk})))
        throw refused(target.describe(key), 'is in the way', 'Run it again.')
    } catch (error) {
      if (!isKeyFileName(file) || !isMissing(error)) throw error
      // Somebody has given it another key meanwhile: that one comes in its place.
      for (const {name: other} of await keyFilesOf(backup.store, backup.name)) {
        if (!wanted.has(other)) left.push(other)
        wanted.add(other)
      }
    }

    progress(0, 1)
  }

  return resumed
}

type Report = (bytes: number, files?: number) => void

/**
 * Reads everything back at the target, and gives the `metadata.json` that makes it a backup. What did not arrive as it was is gone then.
 * @throws DataOpsError BACKUP_DAMAGED where the backup itself is; STORAGE where the way was.
 */
export async function checkArrived(backup: FoundBackup, {name, signal, target}: Copying): Promise<Uint8Array> {
  const commit = await readAll(backup.store, `${backup.name}/${METADATA_FILE}`)
  const key = `${name}/${METADATA_FILE}`
  const entry = {bytes: commit.length, kind: 'file' as const, modified: 0, name: METADATA_FILE}
  const asIfCommitted = overlay(target, {
    async list(folder: string) {
      const entries = await target.list(folder)
      return folder === name ? [...entries, entry] : entries
    },
    openRead: async (each: string) => (each === key ? inMemory(commit) : target.openRead(each)),
    stat: async (each: string, kind?: KnownKind) => (each === key ? entry : target.stat(each, kind)),
  })
  const [problem] = await problemsOf({...backup, name, store: asIfCommitted}, {signal})
  if (!problem) return commit
  for (const file of await filesOf(backup)) await target.remove(`${name}/${file}`)
  await assertSourceWhole(backup)
  throw arrivedDamaged(problem)
}

function inMemory(bytes: Uint8Array): StoreReader {
  return {
    async close() {},
    read: async (start, end) => bytes.subarray(start, end),
    size: bytes.length,
    async *stream(start = 0, end = bytes.length) {
      yield bytes.subarray(start, end)
    },
  }
}

/** A document is there once it is complete: what is sealed of it is hashed on the way. @throws DataOpsError BACKUP_DAMAGED, STORAGE. */
export async function copyDocument(backup: FoundBackup, copying: Copying): Promise<void> {
  const {check, name, signal, target} = copying
  const seal = backup.manifest?.seal
  const sealed = seal?.compressed ?? seal?.document
  const progress = progressOf(backup, copying, {files: 1, there: 0})
  const hash = nodePlatform.createSha256()
  let at = 0
  const isComplete = await copyObject(
    {key: backup.name, store: backup.store},
    {key: name, store: target},
    {
      async beforeComplete() {
        if (toHex(hash.digest()) !== sealed?.sha256) await assertSourceWhole(backup)
        await check()
      },
      onChunk(chunk) {
        throwIfAborted(signal)
        hash.update(chunk.subarray(0, Math.max(0, (sealed?.bytes ?? 0) - at)))
        at += chunk.length
        progress(chunk.length)
      },
    },
  )
  if (!isComplete) throw taken(target, name)
}

function progressOf(
  {label}: FoundBackup,
  {onProgress}: Copying,
  {files: total, there}: {files: number; there: number},
): Report {
  let bytes = 0
  let completed = there
  return (more, files = 0) => {
    bytes += more
    completed += files
    onProgress?.({bytes, collection: label, completed, resumed: there, stage: 'carry', total, unit: 'files'})
  }
}
