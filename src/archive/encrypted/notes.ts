/** What restores of an encrypted backup leave: checkpoints and refused objects are encrypted to the key of the backup, so that whoever reads it reads them. */
import type {Store} from '../../store/store.js'

import {makeAgeHeader, openAgeHeader} from '../../codec/age/header.js'
import {overlay} from '../../model/overlay.js'
import {type NoteKeys, withEncryptedNotes} from '../../store/age/notes.js'
import {damaged} from '../../store/damaged.js'
import {
  ENCRYPTED_SUFFIX,
  encryptedCheckpointName,
  encryptedRejectedName,
  isCheckpoint,
  isCheckpointOf,
  isRejectedOf,
} from '../names.js'
import {type BackupKey} from './key-file.js'

/** A store in which an encrypted backup is read. */
interface NotedStore extends Store {
  /** The same for what lies in another place; `isEach`: for everything there, whatever its name. */
  readonly notesIn: (place: Store, isEach?: boolean) => Store
}

/** The store, in which that is done for one backup. */
export function withNotesOf(backup: string, key: BackupKey, store: Store): Store {
  const notesIn = (place: Store, isEach = false): Store =>
    withEncryptedNotes(place, (note) => (isEach ? `${note}${ENCRYPTED_SUFFIX}` : placeOf(backup, note)), keysOf(key))
  return overlay(notesIn(store), {notesIn})
}

/** Whether the backup that is read there is encrypted. */
export function isOfEncrypted(backup: Store): boolean {
  return 'notesIn' in backup
}

/** Another place, for notes of the backup that is read in a store: as they are beside it. */
export function notesBeside(backup: Store, place: Store): Store {
  return 'notesIn' in backup ? (backup as NotedStore).notesIn(place) : place
}

/** Another place, in which all that is written is of the backup, whatever its name. */
export function allNotesIn(backup: Store, place: Store): Store {
  return 'notesIn' in backup ? (backup as NotedStore).notesIn(place, true) : place
}

/** Where such a note lies, of whatever name, and what it is called there. `file`: as it lies there. */
export function noteAt(backup: Store, place: Store, file: string): {name: string; store: Store} {
  if (!('notesIn' in backup) || !file.endsWith(ENCRYPTED_SUFFIX)) return {name: file, store: place}
  return {name: plainNote(file), store: (backup as NotedStore).notesIn(place, true)}
}

/** The name of the text in such a file. */
export function plainNote(file: string): string {
  return file.endsWith(ENCRYPTED_SUFFIX) ? file.slice(0, -ENCRYPTED_SUFFIX.length) : file
}

function placeOf(backup: string, note: string): string | undefined {
  if (isCheckpoint(note) && isCheckpointOf(backup, note)) return encryptedCheckpointName(backup, note)
  return isRejectedOf(backup, note) ? encryptedRejectedName(backup, note) : undefined
}

function keysOf({identity, recipient}: BackupKey): NoteKeys {
  return {
    async fileKeyOf(header, where) {
      try {
        return await openAgeHeader(header, {identities: [identity]})
      } catch (error) {
        throw damaged(where, 'it is not encrypted to the key of its backup', {cause: error})
      }
    },
    makeHeader: async () => makeAgeHeader({recipients: [recipient]}),
  }
}
