/** Says, while a server exports for a backup, where that will lie: a run that is killed leaves an export of which nothing else tells. */
import type {Store} from '../store/store.js'

import {utf8} from '../codec/bytes.js'
import {forget} from '../store/forget.js'
import {readOwnJson} from '../store/own-json.js'
import {exportNoteName} from './names.js'

export interface ExportNote {
  /** As the server calls it: `s3`, `filesystem`. */
  backend: string
  collections: string[]
  /** Of the export. */
  id: string
  /** Where it lies, in the server's words; absent: the server was only about to be asked for it. */
  path?: string
  /** Address. */
  server: string
}

/** In place of an earlier one of that export. @throws DataOpsError STORAGE. */
export async function writeExportNote(store: Store, note: ExportNote): Promise<void> {
  await store.put(exportNoteName(note.id), utf8(`${JSON.stringify(note)}\n`))
}

/** Undefined when it is over. @throws DataOpsError CHECKPOINT, STORAGE. */
export async function readExportNote(store: Store, name: string): Promise<ExportNote | undefined> {
  return readOwnJson(store, name, {
    name: 'note',
    read(file) {
      const path = file.member('path').optional((item) => item.text())
      return {
        backend: file.member('backend').text(),
        collections: file.member('collections').listOf((item) => item.text()),
        id: file.member('id').text(),
        ...(path !== undefined && {path}),
        server: file.member('server').text(),
      }
    },
  })
}

/** @throws DataOpsError STORAGE. */
export async function forgetExport(store: Store, id: string): Promise<void> {
  await forget(store, exportNoteName(id))
}

/** `the export elysia-… of Article, Author to s3, in s3://bucket/…` */
export function exportInWords({backend, collections, id, path}: ExportNote): string {
  const few = collections.slice(0, 3).join(', ')
  const more = collections.length > 3 ? ` and ${collections.length - 3} more` : ''
  return `the export ${id} of ${few}${more} to ${backend}${path === undefined ? '' : `, in ${path}`}`
}
