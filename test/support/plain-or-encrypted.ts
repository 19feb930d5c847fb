import type {Store} from '../../src/store/store.js'

import {newIdentity} from '../../src/codec/age/header.js'
import {type EncryptionOptions, withEncryption} from '../../src/store/encryption.js'

/** What opens a place so that backups in it are encrypted, and can be read, or are not. */
export async function openerOf(kind: 'encrypted' | 'plain'): Promise<(below: Store) => Store> {
  const {identity, recipient} = await newIdentity()
  const keys: EncryptionOptions = kind === 'plain' ? {} : {encryptTo: [recipient], identities: [identity]}
  return (below) => withEncryption(below, keys)
}
