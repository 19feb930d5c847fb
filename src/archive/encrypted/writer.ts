/** Writes an encrypted backup: the writer of its format, in an encrypted place. */
import type {
  ArchiveWriter,
  ArchiveWriterOptions,
  PartsForOthers,
  SealedArchive,
  SealSummary,
  WrittenPart,
} from '../writer.js'

import {newIdentity} from '../../codec/age/header.js'
import {overlay} from '../../model/overlay.js'
import {type EncryptionOptions} from '../../store/encryption.js'
import {PartsWriter, type PartsWriterOptions} from '../parts-writer.js'
import {coverDocument, coverOf} from './cover.js'
import {namesOf} from './files.js'
import {heldKind} from './held.js'
import {type KeyFile, makeKeyFile} from './key-file.js'
import {EncryptedPlace} from './place.js'

/** What a backup is encrypted to. */
export interface BackupEncryption {
  isHidden: boolean
  /** Absent where an earlier run has put it there. */
  keyFile?: KeyFile
  /** Of the backup's own key. */
  recipient: string
}

/** A new key for a backup, known to those who may read it. Its identity is nowhere but in the key file. */
export async function newBackupEncryption(options: EncryptionOptions, backupId: string): Promise<BackupEncryption> {
  const key = await newIdentity()
  const keyFile = await makeKeyFile(key, {backupId, number: 1, to: options})
  return {isHidden: options.hideNames === true, keyFile, recipient: key.recipient}
}

export async function openEncryptedWriter(
  {encryption, ...options}: ArchiveWriterOptions & {encryption: BackupEncryption},
  open: (options: ArchiveWriterOptions) => Promise<ArchiveWriter>,
): Promise<ArchiveWriter> {
  const {compress, format, head, name, store} = options
  let summary: SealSummary | undefined
  const place = new EncryptedPlace(store, {
    agree: options.shared?.agree,
    cover(files, keys) {
      if (!summary) throw new TypeError('the backup is not sealed yet')
      const {finished, objectCount} = summary
      const holds = heldKind(head, summary)
      return coverDocument(coverOf(head, {files, finished, holds, isHidden: encryption.isHidden, keys, objectCount}))
    },
    keyFile: encryption.keyFile,
    names: namesOf(name, {compress, format}),
    recipient: encryption.recipient,
  })
  await place.begin()
  const adopted = options.resumeAt && {...options.resumeAt, parts: place.know(options.resumeAt.parts)}
  const writer = await open({...options, ...(adopted && {resumeAt: adopted}), store: place.store})
  const {folder} = writer
  return overlay(writer, {
    ...(folder && {
      folder: overlay(folder, {
        adopt(parts: readonly WrittenPart[]) {
          folder.adopt(place.know(parts))
        },
      }),
    }),
    async seal(given: SealSummary): Promise<SealedArchive> {
      summary = given
      const sealed = await writer.seal(given)
      return {...sealed, bytes: place.bytes, ...(place.isTheirs && {isTheirs: true as const})}
    },
  })
}

/** Parts of a backup whose key lies in its folder already. */
export async function openEncryptedParts({
  recipient,
  ...options
}: PartsWriterOptions & {recipient: string}): Promise<PartsForOthers> {
  const {compress, format, name, store} = options
  const place = new EncryptedPlace(store, {
    cover() {
      throw new TypeError('parts make no backup')
    },
    names: namesOf(name, {compress, format}),
    recipient,
  })
  const writer = await PartsWriter.open({...options, store: place.store})
  return overlay(writer, {
    async finish() {
      const part = await writer.finish()
      return part && {...part, stored: place.fileOf(part)}
    },
  })
}
