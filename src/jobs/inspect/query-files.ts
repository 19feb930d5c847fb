/** The objects of a backup as Parquet files that a database of this machine can open: the parts where they lie, or a temporary copy. */
import {stat} from 'node:fs/promises'
import path from 'node:path'

import type {Archive} from '../../archive/reader.js'
import type {OpenedArchive} from '../../catalog/locate.js'
import type {SealedPart} from '../../codec/document.js'
import type {TemporaryFolder} from '../../flow/temporary-folder.js'
import type {OperationOptions} from '../../model/progress.js'
import type {Store} from '../../store/store.js'

import {openPartsWriter} from '../../archive/open-writer.js'
import {toHex} from '../../codec/bytes.js'
import {throwIfAborted} from '../../model/errors.js'
import {nodePlatform} from '../../platform/node.js'
import {copyObject} from '../../store/copy.js'
import {damaged} from '../../store/damaged.js'
import {openStore} from '../../store/open.js'
import {parsePlace} from '../../store/place.js'

type Opened = Pick<OpenedArchive, 'archive' | 'cover' | 'store'>

/** Names that a database takes for patterns. */
const PATTERN = /[*?[\]]/

const COPY = 'objects'

/** Absolute paths, in the order of the rows. @throws DataOpsError BACKUP_DAMAGED; STORAGE; INTERRUPTED. */
export async function parquetFiles(
  opened: Opened,
  temporary: TemporaryFolder,
  options: OperationOptions,
): Promise<string[]> {
  const {archive} = opened
  const {metadata} = archive.head
  const parts = (archive.seal?.parts ?? []).filter(({file}) => file !== null)
  // Void rows, and the columns of the server's own exports, are what the reader of archives knows of.
  const isAsItIs = !metadata.export && archive.seal?.amendments.length === 0
  if (metadata.options.format !== 'parquet' || !isAsItIs || parts.length === 0)
    return convert(archive, await temporary.path(), options)
  return (await inPlace(opened, parts)) ?? copyParts(archive, parts, await temporary.path(), options)
}

/** Undefined where the parts are encrypted, not on this machine, or at paths that are patterns. */
async function inPlace({archive, cover, store}: Opened, parts: SealedPart[]): Promise<string[] | undefined> {
  if (cover) return undefined
  const files: string[] = []
  for (const part of parts) {
    const key = `${archive.name}/${part.file}`
    const place = parsePlace(store.describe(key))
    if (place.kind !== 'file' || PATTERN.test(place.path)) return undefined
    // A link that leads out of the folder is refused by the store; a database would follow it.
    await (await store.openRead(key)).close()
    const file = path.resolve(place.path)
    const stats = await stat(file).catch(() => undefined)
    if (stats?.size !== part.bytes) return undefined
    files.push(file)
  }

  return files
}

async function copyParts(
  archive: Archive,
  parts: SealedPart[],
  folder: string,
  {onProgress, signal}: OperationOptions,
): Promise<string[]> {
  const target = openStore(folder)
  const {collection} = archive.head.metadata
  const files: string[] = []
  for (const part of parts) {
    onProgress?.({collection, completed: files.length, stage: 'carry', total: parts.length, unit: 'files'})
    await copyPart(archive, part, target, signal)
    files.push(path.join(folder, String(part.file)))
  }

  onProgress?.({collection, completed: files.length, stage: 'carry', total: parts.length, unit: 'files'})
  return files
}

/** What is read is what was sealed. */
async function copyPart(archive: Archive, part: SealedPart, target: Store, signal?: AbortSignal): Promise<void> {
  const file = String(part.file)
  const from = {key: `${archive.name}/${file}`, store: archive.store}
  const hash = nodePlatform.createSha256()
  await copyObject(
    from,
    {key: file, store: target},
    {
      beforeComplete() {
        if (toHex(hash.digest()) !== part.sha256)
          throw damaged(from.store.describe(from.key), 'its content is not what was sealed')
      },
      onChunk(chunk) {
        throwIfAborted(signal)
        hash.update(chunk)
      },
    },
  )
}

async function convert(archive: Archive, folder: string, {onProgress, signal}: OperationOptions): Promise<string[]> {
  const {parquetCodec} = await import('../../codec/parquet/codec.js')
  const {metadata, schema} = archive.head
  const options = {...metadata.options, format: 'parquet'} as const
  const writer = await openPartsWriter({
    compress: false,
    format: 'parquet',
    head: {metadata: {...metadata, columns: parquetCodec.columns(schema), options}, schema},
    name: COPY,
    nextName: (extension) => `${COPY}.${extension}`,
    store: openStore(folder),
  })
  try {
    await writer.begin()
    let completed = 0
    for await (const {objects} of archive.pages({check: true, signal})) {
      await writer.write(objects)
      completed += objects.length
      onProgress?.({collection: metadata.collection, completed, stage: 'carry', total: archive.objectCount})
    }

    await writer.finish()
  } finally {
    await writer.close()
  }

  return [path.join(folder, COPY, `${COPY}.parquet`)]
}
