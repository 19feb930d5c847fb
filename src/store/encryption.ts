/** Who the backups of a store are encrypted to, and what opens them: given once, with the store. */
import type {Store} from './store.js'

import {recipientOf, recipientProblem} from '../codec/age/header.js'
import {DataOpsError} from '../model/errors.js'
import {overlay} from '../model/overlay.js'

export interface EncryptionOptions {
  /** Encrypts new backups to these age recipients (`age1…`): whoever has the identity of one of them can read the backup. */
  encryptTo?: readonly string[]
  /** Encrypted backups show neither the collection's name nor how many objects they hold. */
  hideNames?: boolean
  /** Opens encrypted backups: age identities (`AGE-SECRET-KEY-…`). Never stored. */
  identities?: readonly string[]
  /** Opens backups that are encrypted with it, and encrypts new ones with it unless `encryptTo` says to whom. Never stored. */
  passphrase?: string
}

export interface Encryption extends EncryptionOptions {
  /** The store without them. */
  below?: Store
  /** A place of this host alone, for what must not lie in the clear beside an encrypted backup while it is written. */
  state?: Store
}

/** A store that knows it. */
export interface KeyedStore extends Store {
  readonly encryption: Encryption
}

/** The store itself where nothing is given. */
export function withEncryption(store: Store, {encryptTo, hideNames, identities, passphrase, state}: Encryption): Store {
  const given = {encryptTo, hideNames, identities, passphrase}
  if (Object.values(given).every((value) => value === undefined)) return store
  return overlay(store, {encryption: {...given, below: store, state}})
}

export function encryptionOf(store: Store): Encryption {
  return 'encryption' in store ? (store as KeyedStore).encryption : {}
}

/** Whether new backups are encrypted. */
export function isEncrypting({encryptTo = [], passphrase}: EncryptionOptions): boolean {
  return encryptTo.length > 0 || passphrase !== undefined
}

/** Whether there is anything to open backups with. */
export function canOpen({identities = [], passphrase}: EncryptionOptions): boolean {
  return identities.length > 0 || passphrase !== undefined
}

/** Before anything is written. @throws DataOpsError INVALID_INPUT, naming what is wrong and never a secret. */
export async function checkEncryption(options: EncryptionOptions): Promise<void> {
  const {encryptTo = [], hideNames, passphrase} = options
  if (passphrase === '') throw invalid('The passphrase is empty.', 'Give one, or leave it out.')
  if (hideNames && !isEncrypting(options)) {
    throw invalid(
      'Names can be hidden in encrypted backups only.',
      'Say who it is encrypted to, or leave `hideNames` out.',
    )
  }

  for (const recipient of encryptTo) {
    // A secret that was given by mistake is not repeated.
    const isSecret = /^AGE-SECRET/i.test(recipient)
    const problem = isSecret ? 'it is an identity' : await recipientProblem(recipient)
    if (problem === undefined) continue
    const shown = isSecret ? 'What was given' : JSON.stringify(recipient.slice(0, 80))
    throw invalid(`${shown} is no recipient of age: ${problem}.`, 'A recipient starts with age1.')
  }

  await checkIdentities(options)
}

/** @throws DataOpsError INVALID_INPUT, without repeating what was given. */
export async function checkIdentities({identities = []}: EncryptionOptions): Promise<void> {
  for (const [index, identity] of identities.entries()) {
    try {
      await recipientOf(identity)
    } catch {
      throw invalid(`Identity ${index + 1} is no identity of age.`, 'An identity starts with AGE-SECRET-KEY-1.')
    }
  }
}

function invalid(message: string, hint: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', message, {hint})
}
