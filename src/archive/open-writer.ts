import type {ArchiveWriter, ArchiveWriterOptions} from './writer.js'

import {DirectoryWriter} from './directory-writer.js'
import {DocumentWriter} from './document-writer.js'
import {type BackupEncryption, openEncryptedWriter} from './encrypted/writer.js'
import {checkHead} from './limits.js'

/** @throws DataOpsError STORAGE when the place cannot be written; INVALID_INPUT when the backup could not be read again. */
export async function openArchiveWriter({
  encryption,
  ...options
}: ArchiveWriterOptions & {encryption?: BackupEncryption}): Promise<ArchiveWriter> {
  if (!options.resumeAt) checkHead(options.head)
  return encryption ? openEncryptedWriter({...options, encryption}, openPlainWriter) : openPlainWriter(options)
}

async function openPlainWriter(options: ArchiveWriterOptions): Promise<ArchiveWriter> {
  return options.format === 'json' ? DocumentWriter.open(options) : DirectoryWriter.open(options)
}
