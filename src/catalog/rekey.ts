/** Gives an encrypted backup other readers: the file of its key is written anew, its data stays as it is. */
import type {Store} from '../store/store.js'

import {readCover} from '../archive/encrypted/cover.js'
import {keyFileProblem, keyFilesOf, makeKeyFile, openBackupKey} from '../archive/encrypted/key-file.js'
import {lockOf, putBeside} from '../archive/locked.js'
import {DataOpsError} from '../model/errors.js'
import {removeIfAllowed} from '../store/denied.js'
import {checkEncryption, encryptionOf, isEncrypting} from '../store/encryption.js'

/** Who can read it from now on. */
export interface RekeyOptions {
  encryptTo?: readonly string[]
  passphrase?: string
}

/** The new file stands before the old ones go: a killed run leaves one that opens. Returns those that stay, as nobody may remove them. @throws DataOpsError INVALID_INPUT, BACKUP_DAMAGED, STORAGE. */
export async function rekeyBackup(store: Store, name: string, to: RekeyOptions): Promise<string[]> {
  if (!isEncrypting(to)) {
    throw new DataOpsError('INVALID_INPUT', 'Nobody is named who could open the backup from now on.', {
      hint: 'Name recipients (`encryptTo`), or a passphrase.',
    })
  }

  await checkEncryption(to)
  const cover = await readCover(store, name)
  if (!cover) {
    throw new DataOpsError('INVALID_INPUT', `${store.describe(name)} is not encrypted: it has no key.`, {
      hint: 'Take a new backup with `encryptTo`.',
    })
  }

  const {backupId} = cover
  const key = await openBackupKey(store, name, {backupId, keys: encryptionOf(store)})
  const old = await keyFilesOf(store, name)
  const file = await makeKeyFile(key, {backupId, number: (old[0]?.number ?? 0) + 1, to})
  const tag = await putBeside(store, `${name}/${file.name}`, file.content)
  const problem = tag === undefined ? 'It is there already.' : await keyFileProblem(store, name, file.name)
  if (problem !== undefined) {
    throw new DataOpsError('STORAGE', `The new key file of ${store.describe(name)} could not be written: ${problem}`, {
      hint: 'Those that were there are as they were.',
    })
  }

  const isLocked = (await lockOf(store, name)) !== undefined
  const kept: string[] = []
  for (const {name: each} of old) if (isLocked || !(await removeIfAllowed(store, `${name}/${each}`))) kept.push(each)
  return kept
}
