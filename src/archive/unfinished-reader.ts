/** Reads back what an unfinished backup holds for good. */
import type {ReadRowsOptions} from '../codec/codec.js'
import type {WeaviateObject} from '../model/object.js'
import type {Store} from '../store/store.js'
import type {ArchivePosition} from './writer.js'

import {utf8} from '../codec/bytes.js'
import {type BackupHead, documentTail} from '../codec/document.js'
import {readJsonDocument} from '../codec/json/document.js'
import {nodePlatform} from '../platform/node.js'
import {partCodec} from './formats.js'

/** Objects in row order, up to a position. @throws DataOpsError BACKUP_DAMAGED when a row cannot be read. */
export async function* readUnfinished(
  store: Store,
  name: string,
  {head, position}: {head: BackupHead; position: ArchivePosition},
  columns: ReadRowsOptions['columns'] = 'all',
): AsyncGenerator<WeaviateObject[]> {
  const {document, parts, rows} = position
  if (rows === 0) return
  if (document) {
    const file = await store.unfinished?.openRead(name)
    if (!file) return
    try {
      const bytes = file.stream(0, document.fileBytes)
      const text = head.metadata.options.compress ? nodePlatform.gunzip(bytes, {isPassing: true}) : bytes
      for await (const part of readJsonDocument(ended(text, rows), {platform: nodePlatform}))
        if (part.kind === 'rows') yield part.page.objects
    } finally {
      await file.close()
    }

    return
  }

  const codec = await partCodec(head.metadata.options.format)
  for (const {file: part} of parts) {
    const file = await store.openRead(`${name}/${part}`)
    try {
      const source = {read: async (start: number, end: number) => file.read(start, end), size: file.size}
      const decoder = await codec.openDecoder(source, {
        columns: head.metadata.columns,
        platform: nodePlatform,
        schema: head.schema,
      })
      for await (const page of decoder.read({columns})) yield page.objects
    } finally {
      await file.close()
    }
  }
}

/** What is there of a document, and the end that it would have now. */
async function* ended(text: AsyncIterable<Uint8Array>, rows: number): AsyncGenerator<Uint8Array> {
  yield* text
  yield utf8(`\n${documentTail(rows)}"seal":{}}\n`)
}
