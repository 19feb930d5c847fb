/** The folder in which a backup that several write is sealed: its own, or the next free one where somebody else's is there. */
import type {Store} from '../../store/store.js'
import type {BackupWork} from './items.js'

import {readCover} from '../../archive/encrypted/cover.js'
import {readManifest} from '../../archive/manifest.js'
import {isKeyFileName, METADATA_FILE, parseBackupName, SCHEMA_FILE} from '../../archive/names.js'
import {nextFreeName} from '../../archive/publish.js'
import {schemaFile} from '../../archive/seal-folder.js'
import {type Agree} from '../../archive/writer.js'
import {type CatalogEntry, readEntryOf} from '../../catalog/entry.js'
import {isSameBytes, utf8} from '../../codec/bytes.js'
import {DataOpsError, insteadOf} from '../../model/errors.js'
import {copyObject} from '../../store/copy.js'
import {damaged} from '../../store/damaged.js'
import {readAll} from '../../store/read-all.js'

/** What all who write a backup go by. */
export interface Agreements {
  agree: Agree
  /** undefined: nobody has proposed anything. */
  agreed: (what: string) => Promise<Uint8Array | undefined>
}

export interface Home {
  /** Folders that are somebody else's by now, in which parts of it may lie. */
  left: string[]
  name: string
  /** What the catalog says of it, once somebody has sealed it. */
  sealed?: CatalogEntry
}

/** Where it is sealed, or is to be. With `isSealing` it is agreed upon where that is, otherwise only looked at. */
export async function homeOf(
  store: Store,
  work: BackupWork,
  {isSealing, places}: {isSealing: boolean; places: Agreements},
): Promise<Home> {
  const left: string[] = []
  for (let {name} = work; ;) {
    const found = await foundIn(store, {...work, name})
    if (found === undefined) return {left, name}
    if (found !== 'foreign') return {left, name, sealed: found}
    const what = `${name}/elsewhere`
    const agreed = isSealing
      ? await places.agree(what, utf8(await nextFreeName(store, name)))
      : await places.agreed(what)
    if (!agreed) return {left: [...left, name], name}
    left.push(name)
    name = readName(agreed, {store, was: name})
  }
}

/** Those that follow one another end: each has a higher number. @throws DataOpsError BACKUP_DAMAGED. */
function readName(agreed: Uint8Array, {store, was}: {store: Store; was: string}): string {
  const name = new TextDecoder().decode(agreed)
  const [parsed, before] = [parseBackupName(name), parseBackupName(was)]
  if (parsed?.kind === 'directory' && parsed.attempt > (before?.attempt ?? 0)) return name
  throw damaged(store.describe(was), 'what it was to be called instead cannot be understood')
}

/** undefined: nothing that keeps it from being sealed there. @throws DataOpsError BACKUP_DAMAGED when it is this one, without all of its files. */
async function foundIn(store: Store, work: BackupWork): Promise<'foreign' | CatalogEntry | undefined> {
  const {head, name} = work
  const commit = await store.stat(`${name}/${METADATA_FILE}`)
  // Where there are no hard links, an empty one is what a kill leaves.
  if (!commit || (commit.kind === 'file' && commit.bytes === 0)) {
    return (await isSchemaForeign(store, work)) ? 'foreign' : undefined
  }

  const id = await idIn(store, name).catch(insteadOf(undefined, isNoBackup))
  return id === head.metadata.backup_id ? readEntryOf(store, name) : 'foreign'
}

async function idIn(store: Store, name: string): Promise<string> {
  const cover = await readCover(store, name)
  return cover ? cover.backupId : (await readManifest(store, name)).metadata.backup_id
}

/** Not what cannot be said now. */
function isNoBackup(error: unknown): boolean {
  return error instanceof DataOpsError && ['BACKUP_DAMAGED', 'NOT_A_BACKUP'].includes(error.code)
}

/** Whoever planned it has put the schema there. */
async function isSchemaForeign(store: Store, {encryption, head, name}: BackupWork): Promise<boolean> {
  if (encryption) return false
  const found = await readAll(store, `${name}/${SCHEMA_FILE}`).catch(insteadOf(undefined, 'NOT_A_BACKUP'))
  return found !== undefined && !isSameBytes(found, schemaFile(head))
}

/** Copies the parts of a backup, and its key, to where it is to be sealed. Others may be doing the same. `files`: as they lie there. */
export async function bringParts(
  store: Store,
  files: readonly string[],
  {from, to}: {from: string; to: string},
): Promise<void> {
  const keys = (await store.list(from)).map(({name}) => name).filter((name) => isKeyFileName(name))
  const there = new Set((await store.list(to)).map(({name}) => name))
  // With nothing but a key in it the folder seems to be abandoned.
  for (const file of [...files, ...keys]) {
    const key = `${to}/${file}`
    if (there.has(file)) continue
    // What a killed one has begun is begun anew.
    await store.unfinished?.remove(key)
    await copyObject({key: `${from}/${file}`, store}, {key, store})
  }
}
