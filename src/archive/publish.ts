/** The moment in which a backup comes into being: its name, or the next free one, all at once. */
import type {Store, StoreWriter} from '../store/store.js'

import {isSameBytes} from '../codec/bytes.js'
import {DataOpsError} from '../model/errors.js'
import {Lease} from '../store/lease.js'
import {readAll} from '../store/read-all.js'
import {journalName, METADATA_FILE, nextName, parseBackupName, partialLockName, removedName} from './names.js'
import {copyParts} from './unfinished.js'

const MAX_ATTEMPTS = 1000

/** The names that a backup may get, the wanted one first: `-2`, `-3`, … for where it is taken. */
export function* candidateNames(name: string): Generator<string> {
  yield name
  const {attempt = 1} = parseBackupName(name) ?? {}
  const first = attempt > 1 ? name.replace(new RegExp(String.raw`-${attempt}(?=(?:\.json(?:\.gz)?)?$)`), '') : name
  for (let next = attempt + 1; next <= attempt + MAX_ATTEMPTS; next++) yield nextName(first, next)
}

/** Whether nothing has that name: no backup, no unfinished one, none that is being removed. */
export async function isNameFree(store: Store, name: string): Promise<boolean> {
  if (await store.stat(name)) return false
  for (const key of [journalName(name), removedName(name)]) if (await store.stat(key, 'file')) return false
  return !(await store.unfinished?.stat(name))
}

/** The first candidate that no other process writes to and that `mayTake` lets take, and its lease; undefined: there is none. */
export async function leaseName(
  store: Store,
  wanted: string,
  mayTake = isNameFree,
): Promise<undefined | {lease: Lease; name: string}> {
  for (const name of candidateNames(wanted)) {
    const lease = await Lease.tryAcquire(store, partialLockName(name))
    if (!lease) continue
    let isTaken = false
    try {
      isTaken = await mayTake(store, name)
    } finally {
      if (!isTaken) await lease.release()
    }

    if (isTaken) return {lease, name}
  }

  return undefined
}

/** Gives a document its name, or the next free one. Returns the name it got. */
export async function publishDocument(store: Store, file: StoreWriter, name: string): Promise<string> {
  if (await file.complete()) return name
  await dropPlaceholder(store, name)
  if (await file.complete()) return name
  for (const candidate of candidateNames(name)) {
    if (candidate === name || !(await isNameFree(store, candidate))) continue
    if (await file.complete(candidate)) return candidate
    // Nobody took it: the place cannot do that.
    if (!(await store.stat(candidate))) break
  }

  throw nameTaken(store, name)
}

/** What a folder holds when it is sealed, but for `metadata.json`. */
export interface FolderContents {
  /** By their names in the folder. */
  files: ReadonlyArray<{bytes: Uint8Array; name: string}>
  /** Where others may be sealing the same backup: whether one of them has. What lies in its folder is theirs, and as good; no other name is taken. */
  isSealed?: () => Promise<boolean>
  parts: ReadonlyArray<{file: string | null}>
}

/** Makes a folder a backup by its `metadata.json`; where that is taken, a copy under the next free name. Returns the name it got. */
export async function publishFolder(
  store: Store,
  name: string,
  metadata: Uint8Array,
  {files, isSealed, parts}: FolderContents,
): Promise<string> {
  const fill = async (folder: string): Promise<boolean> => {
    for (const {bytes, name: file} of files) {
      const key = `${folder}/${file}`
      if ((await store.put(key, bytes, {ifAbsent: true})) !== undefined) continue
      if (!isSealed || !isSameBytes(bytes, await readAll(store, key))) return false
    }

    return true
  }

  const commit = async (folder: string): Promise<boolean> =>
    (await putCommit(store, `${folder}/${METADATA_FILE}`, metadata)) !== undefined
  const isFilled = await fill(name)
  if (isFilled && ((await commit(name)) || (await isSealed?.()))) return name
  if (isSealed) throw nameTaken(store, name)
  const candidate = await nextFreeName(store, name)
  await copyParts(store, name, candidate, parts)
  if (!(await fill(candidate)) || !(await commit(candidate))) throw nameTaken(store, name)
  const left = [...parts.map(({file}) => file), ...(isFilled ? files.map((file) => file.name) : [])]
  // The backup is sealed, whatever stays of its first attempt.
  for (const file of left) await store.remove(`${name}/${file}`).catch(() => undefined)
  return candidate
}

/** @throws DataOpsError STORAGE when there is none. */
export async function nextFreeName(store: Store, name: string): Promise<string> {
  for (const candidate of candidateNames(name)) {
    if (candidate !== name && (await isNameFree(store, candidate))) return candidate
  }

  throw nameTaken(store, name)
}

/** Puts what makes a folder a backup; undefined where there is something else. */
export async function putCommit(store: Store, key: string, bytes: Uint8Array): Promise<string | undefined> {
  const put = async (): Promise<string | undefined> => store.put(key, bytes, {ifAbsent: true})
  const tag = await put()
  if (tag !== undefined) return tag
  await dropPlaceholder(store, key)
  return put()
}

/** Where there are no hard links, a kill may leave an empty file that held the name for what was to take it. */
async function dropPlaceholder(store: Store, key: string): Promise<void> {
  const found = await store.stat(key)
  if (found?.kind === 'file' && found.bytes === 0) await store.remove(key)
}

/** The error of one whose name somebody else has by now. */
export function nameTaken(store: Store, name: string): DataOpsError {
  return new DataOpsError('STORAGE', `The name ${store.describe(name)} was taken while the backup was written.`, {
    details: {path: store.describe(name)},
    hint: 'Run the backup again.',
  })
}
