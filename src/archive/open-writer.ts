import type {WeaviateObject} from '../model/object.js'
import type {ArchiveWriter, ArchiveWriterOptions, PartsForOthers, SealSummary} from './writer.js'

import {overlay} from '../model/overlay.js'
import {DirectoryWriter} from './directory-writer.js'
import {DocumentWriter} from './document-writer.js'
import {type BackupEncryption, openEncryptedParts, openEncryptedWriter} from './encrypted/writer.js'
import {checkHead} from './limits.js'
import {PartsWriter, type PartsWriterOptions} from './parts-writer.js'

/** @throws DataOpsError STORAGE when the place cannot be written; INVALID_INPUT when the backup could not be read again. */
export async function openArchiveWriter({
  encryption,
  ...options
}: ArchiveWriterOptions & {encryption?: BackupEncryption}): Promise<ArchiveWriter> {
  if (!options.resumeAt) checkHead(options.head)
  return encryption ? openEncryptedWriter({...options, encryption}, openPlainWriter) : openPlainWriter(options)
}

/** `encryption`: without the file of the key, which is there already. */
export async function openPartsWriter({
  encryption,
  ...options
}: PartsWriterOptions & {encryption?: Omit<BackupEncryption, 'keyFile'>}): Promise<PartsForOthers> {
  const writer = await (encryption
    ? openEncryptedParts({...options, recipient: encryption.recipient})
    : PartsWriter.open(options))
  const attempt = attempting()
  return overlay(writer, {
    begin: async () => attempt(async () => writer.begin()),
    finish: async () => attempt(async () => writer.finish()),
    write: async (objects: readonly WeaviateObject[]) => attempt(async () => writer.write(objects)),
  })
}

async function openPlainWriter(options: ArchiveWriterOptions): Promise<ArchiveWriter> {
  return failingOnce(await (options.format === 'json' ? DocumentWriter.open(options) : DirectoryWriter.open(options)))
}

/** What failed may be half done: nothing is written behind it, and nothing said to be there. An earlier flush is what a later run goes on from. */
function attempting(): <T>(work: () => Promise<T>) => Promise<T> {
  let failure: undefined | {error: unknown}
  return async (work) => {
    if (failure) throw failure.error
    try {
      return await work()
    } catch (error) {
      failure = {error}
      throw error
    }
  }
}

function failingOnce(writer: ArchiveWriter): ArchiveWriter {
  const attempt = attempting()
  const {appendLines} = writer
  return overlay(writer, {
    ...(appendLines && {
      appendLines: async (...lines: Parameters<typeof appendLines>) =>
        attempt(async () => appendLines.apply(writer, lines)),
    }),
    flush: async () => attempt(async () => writer.flush()),
    seal: async (summary: SealSummary) => attempt(async () => writer.seal(summary)),
    write: async (objects: readonly WeaviateObject[]) => attempt(async () => writer.write(objects)),
  })
}
