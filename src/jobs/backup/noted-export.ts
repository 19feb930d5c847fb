/** What runs that did not end have left at the server: exports, of which the notes beside the backups tell. */
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection, ExportBackend, ServerExports} from '../../weaviate/connection.js'

import {
  exportInWords,
  type ExportNote,
  forgetExport,
  readExportNote,
  writeExportNote,
} from '../../archive/export-note.js'
import {isMarker} from '../../archive/names.js'
import {locateServerExport} from '../../catalog/exports.js'
import {DataOpsError, insteadOf, isRefusal} from '../../model/errors.js'

/** An export that is under way, noted from before the server is asked for it until a backup names it. */
export class NotedExport {
  #isBegun = false

  private constructor(
    private readonly store: Store,
    private readonly note: ExportNote,
  ) {}

  /** @throws DataOpsError STORAGE. */
  static async of(store: Store, note: ExportNote): Promise<NotedExport> {
    await writeExportNote(store, note)
    return new NotedExport(store, note)
  }

  /** The server has said where it lies. Where that cannot be noted, the export goes on all the same. */
  async begun({path}: {path: string}): Promise<void> {
    this.#isBegun = true
    const noted = writeExportNote(this.store, {...this.note, ...(path !== '' && {path})})
    await noted.catch(insteadOf(undefined, 'STORAGE'))
  }

  /** What the server has refused to begin is nowhere; what it has begun may lie there. */
  async failed(error: unknown): Promise<void> {
    if (!this.#isBegun && isRefusal(error)) await this.done()
  }

  /** What cannot be removed now is only told of once more. */
  async done(): Promise<void> {
    await forgetExport(this.store, this.note.id).catch(insteadOf(undefined, 'STORAGE'))
  }
}

/** Tells of those that earlier runs have left at this server, and forgets those that are gone. Nothing is removed at the server: they may be wanted. */
export async function tellOfEarlierExports(
  exports: ServerExports,
  {connection, store, warn}: {connection: Connection; store: Store; warn: (warning: Warning) => void},
): Promise<void> {
  for (const {name} of await store.list('')) {
    if (!isMarker(name, 'export')) continue
    // What cannot be read, and what is of another server, `backup list` tells of.
    const read = readExportNote(store, name).catch(insteadOf(undefined, (error) => error instanceof DataOpsError))
    const note = await read
    if (note?.server !== connection.describe) continue
    const status = await statusOf(exports, note)
    if (status === undefined && !(await mayLieThere(note, store))) {
      await forgetExport(store, note.id)
      continue
    }

    const file = store.describe(name)
    warn({
      code: 'export-left',
      details: {export: note.id, file, ...(note.path !== undefined && {path: note.path}), ...(status && {status})},
      message: `A run that did not end has left ${exportInWords(note)}: ${whatToDo(status)}. Remove ${file} to hear no more of it.`,
    })
  }
}

/** Undefined: the server knows of none. */
async function statusOf(exports: ServerExports, {backend, id}: ExportNote): Promise<string | undefined> {
  try {
    return (await exports.state(backend as ExportBackend, id)).status
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code === 'INTERRUPTED') throw error
    return error.details.status === 404 ? undefined : 'UNKNOWN'
  }
}

/** Of one that the server does not know any more: whether its files may be there all the same. */
async function mayLieThere({path}: ExportNote, store: Store): Promise<boolean> {
  if (path === undefined) return false
  const found = locateServerExport(path, store).catch(insteadOf(true, (error) => error instanceof DataOpsError))
  return Boolean(await found)
}

function whatToDo(status: string | undefined): string {
  if (status === 'SUCCESS') return 'it is whole, and can be restored from there as it is, or removed'
  if (status === 'CANCELED' || status === 'FAILED') return `it ended as ${status}, and can be removed`
  if (status === undefined || status === 'UNKNOWN') return 'what became of it the server does not say now'
  return `the server is still at it (${status}); once it is over it can be restored from there as it is, or removed`
}
