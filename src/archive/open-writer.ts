import type {ArchiveWriter, ArchiveWriterOptions} from './writer.js'

import {DirectoryWriter} from './directory-writer.js'
import {DocumentWriter} from './document-writer.js'

/** @throws DataOpsError STORAGE when the place cannot be written. */
export async function openArchiveWriter(options: ArchiveWriterOptions): Promise<ArchiveWriter> {
  return options.format === 'json' ? DocumentWriter.open(options) : DirectoryWriter.open(options)
}
