/** A backup in a place of which objects may be read and nothing else: no listing, and no word on what is not there. */
import type {Store, StoreEntry} from '../store/store.js'

import {overlay} from '../model/overlay.js'
import {isMissing} from '../store/damaged.js'
import {isDenied} from '../store/denied.js'
import {folderEntry} from '../store/entries.js'
import {nameOf} from '../store/key.js'
import {asOpened} from '../store/open.js'
import {withReader} from '../store/read-all.js'
import {DocumentSource} from './document-source.js'
import {METADATA_FILE, parseBackupName, SCHEMA_FILE} from './names.js'

/**
 * The store, for who was given the URL of a backup: where nothing may be listed, its seal says which files it has. What cannot be read
 * there is none of them; what the seal names and cannot be read is an error when it is opened.
 */
export function asFarAsReadable(store: Store): Store {
  const commit = (backup: string): string => `${backup}/${METADATA_FILE}`
  const statByReading = async (key: string, denial?: Error): Promise<StoreEntry | undefined> => {
    try {
      const bytes = await withReader(store, key, async ({size}) => size)
      return {bytes, kind: 'file', modified: 0, name: nameOf(key)}
    } catch (error) {
      if (!isDenied(error) && !isMissing(error)) throw error
      // Of the backup itself nobody can say that it is not there.
      if (denial !== undefined && parseBackupName(key)) throw denial
      return undefined
    }
  }

  const stat = async (key: string): Promise<StoreEntry | undefined> => {
    let denial: Error | undefined
    try {
      const found = await store.stat(key)
      if (found) return found
    } catch (error) {
      if (!isDenied(error)) throw error
      denial = error
    }

    if (parseBackupName(key)?.kind !== 'directory') return denial === undefined ? undefined : statByReading(key, denial)
    if (await statByReading(commit(key))) return folderEntry(key)
    if (denial) throw denial
    return undefined
  }

  const readable = overlay(store, {
    async list(folder: string): Promise<StoreEntry[]> {
      try {
        return await store.list(folder)
      } catch (error) {
        const kind = isDenied(error) ? parseBackupName(folder)?.kind : undefined
        if (kind === 'document') return []
        if (kind === undefined) throw error
        const sealed = await sealedFiles(store, commit(folder))
        const found = await Promise.all([METADATA_FILE, SCHEMA_FILE].map(async (file) => stat(`${folder}/${file}`)))
        return [...found.filter((entry) => entry !== undefined), ...sealed]
      }
    },
    stat,
  })
  return asOpened(readable, store)
}

/** Files that a seal names, with their sizes: parts, or the files of an encrypted backup. Whoever reads them checks them. */
async function sealedFiles(store: Store, key: string): Promise<StoreEntry[]> {
  return withReader(store, key, async (reader) => {
    const place = await (await DocumentSource.open(reader, store.describe(key))).seal()
    const {files = [], keys = [], parts = []} = (place?.seal ?? {}) as SealedNames
    const all: NamedFile[] = [...parts, ...files, ...keys.map((file) => ({bytes: 0, file}))]
    const named = all.filter(({file}) => typeof file === 'string' && file !== SCHEMA_FILE)
    return named.map(({bytes, file}) => ({bytes: Number(bytes), kind: 'file', modified: 0, name: String(file)}))
  })
}

interface SealedNames {
  files?: NamedFile[]
  keys?: unknown[]
  parts?: NamedFile[]
}

interface NamedFile {
  bytes?: unknown
  file?: unknown
}
