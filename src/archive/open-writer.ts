import type {ArchiveWriter, ArchiveWriterOptions} from './writer.js'

import {DirectoryWriter} from './directory-writer.js'
import {DocumentWriter} from './document-writer.js'
import {checkHead} from './limits.js'

/** @throws DataOpsError STORAGE when the place cannot be written; INVALID_INPUT when the backup could not be read again. */
export async function openArchiveWriter(options: ArchiveWriterOptions): Promise<ArchiveWriter> {
  if (!options.resumeAt) checkHead(options.head)
  return options.format === 'json' ? DocumentWriter.open(options) : DirectoryWriter.open(options)
}
