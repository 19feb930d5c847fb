/** Notes name tenants: where backups are encrypted, so are they. */
import type {Store} from '../../store/store.js'

import {type AgeHeader, makeAgeHeader, openAgeHeader, recipientOf} from '../../codec/age/header.js'
import {DataOpsError} from '../../model/errors.js'
import {overlay} from '../../model/overlay.js'
import {randomUUID} from '../../platform/node.js'
import {withEncryptedNotes} from '../../store/age/notes.js'
import {canOpen, encryptionOf, type EncryptionOptions, isEncrypting} from '../../store/encryption.js'

const NOTE = /^\.tenants-[-0-9a-f]{36}\.json(?<encrypted>\.age)?$/
const isEncryptedNote = (name: string): boolean => NOTE.exec(name)?.groups?.encrypted !== undefined

export function isNoteName(name: string): boolean {
  return NOTE.test(name)
}

/** What a new note is called in a store: its name says whether it is encrypted. */
export function newNoteName(store: Store): string {
  const keys = encryptionOf(store)
  return `.tenants-${randomUUID()}.json${isEncrypting(keys) || canOpen(keys) ? '.age' : ''}`
}

/** The store, in which such notes are encrypted to whoever its backups are, and to those whose identities came with it. */
export function withTenantNotes(store: Store): Store {
  if ('hasTenantNotes' in store) return store
  const keys = encryptionOf(store)
  let header: Promise<AgeHeader> | undefined
  const encrypted = withEncryptedNotes(store, (key) => (isEncryptedNote(key) ? key : undefined), {
    fileKeyOf: async (start, where) => fileKeyOf(start, where, keys),
    // One for all that this run writes: a passphrase takes a second. What each file is sealed with is its own all the same.
    async makeHeader() {
      header ??= makeHeader(keys)
      return header
    },
  })
  return overlay(encrypted, {hasTenantNotes: true})
}

async function makeHeader({encryptTo = [], identities = [], passphrase}: EncryptionOptions): Promise<AgeHeader> {
  const own = await Promise.all(identities.map(async (identity) => recipientOf(identity)))
  const recipients = [...new Set([...encryptTo, ...own])]
  return makeAgeHeader(recipients.length > 0 || passphrase === undefined ? {recipients} : {passphrase})
}

async function fileKeyOf(header: Uint8Array, where: string, keys: EncryptionOptions): Promise<Uint8Array> {
  const {identities = [], passphrase} = keys
  try {
    return await openAgeHeader(header, {identities, passphrases: passphrase === undefined ? [] : [passphrase]})
  } catch (error) {
    const message = canOpen(keys)
      ? `${where} is encrypted, and not to the keys that were given.`
      : `${where} is encrypted.`
    throw new DataOpsError('INVALID_INPUT', message, {
      cause: error,
      details: {encrypted: true, path: where},
      hint: 'Give the identity, or the passphrase, of who has written it.',
    })
  }
}
