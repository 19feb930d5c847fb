import {DataOpsError} from '../../model/errors.js'

/** The word of `requires` that tells an encrypted backup. */
export const AGE = 'age'

/** The error of a backup that nobody gave a key for. */
export function encrypted(where: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `${where} is encrypted.`, {
    details: {encrypted: true, path: where},
    hint: 'Give an identity that opens it (`identities`), or its passphrase.',
  })
}
