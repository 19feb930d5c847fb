import type {NeededPermissions} from '../objects/permissions.js'

/** A letter of a signature, or what a role needs. */
const letter = (letters: string, role: string): string => `the letter ${letters} in the signature (of a role: ${role})`

const WRITE = letter('w', '…/blobs/write')

export const AZURE_PERMISSIONS: NeededPermissions = {
  areOn: letter('r, with srt=co,', '…/containers/read'),
  list: letter('l', '…/blobs/read'),
  lock: letter('i', 'Storage Blob Data Owner'),
  read: letter('r', '…/blobs/read'),
  remove: letter('d', '…/blobs/delete'),
  write: WRITE,
  writeLocked: letter('w, and the letter i,', '…/blobs/write, and Storage Blob Data Owner'),
  writeOver: WRITE,
}
