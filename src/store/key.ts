import {DataOpsError} from '../model/errors.js'

/** @throws DataOpsError INVALID_INPUT for a key that leaves its store, or could on some system. */
export function checkKey(key: string): void {
  if (key === '') return
  // A backslash separates folders on Windows, a colon names a drive or a stream there.
  const isSafe = !/[\0\\:]/.test(key) && key.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (!isSafe) throw refusedKey(key)
}

/** What a key that names nothing inside its store is answered. */
export function refusedKey(key: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `${JSON.stringify(key)} does not name anything inside the backup folder.`, {
    details: {name: key},
    hint: 'A name may not be absolute, contain "..", or lead out through a symbolic link.',
  })
}

/** Last part of a key. */
export function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
