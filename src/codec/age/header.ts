/** The header of an age file: who can open it. Made and read by the `age-encryption` package, which is loaded on first use. */
import type * as Age from 'age-encryption'
import type {Recipient, Stanza} from 'age-encryption'

import {concatBytes, utf8} from '../bytes.js'
import {NONCE_BYTES, TAG_BYTES} from './payload.js'

const START = utf8('age-encryption.org/v1\n')
/** A header ends with the one line that starts with three dashes: the bodies of stanzas are base64. */
const END_MARK = utf8('\n--- ')
const NEWLINE = 10
/** Bytes of a header at most: some thousand recipients. */
export const MAX_HEADER_BYTES = 256 * 1024
/** Bytes of the header for a single X25519 recipient, always. */
export const SINGLE_HEADER_BYTES = 168

/** Who a file is encrypted to: recipients (`age1…`), or a passphrase. */
export type AgeRecipients =
  | {passphrase: string; /** The base-2 logarithm of scrypt's cost; default 18. */ workFactor?: number}
  | {recipients: readonly string[]}

/** What opens a file: identities (`AGE-SECRET-KEY-…`), passphrases, or both. */
export interface AgeKeys {
  identities?: readonly string[]
  passphrases?: readonly string[]
}

export interface AgeHeader {
  /** 16 bytes, for this file alone. */
  fileKey: Uint8Array
  header: Uint8Array
}

async function load(): Promise<typeof Age> {
  return import('age-encryption')
}

/** A new header with a new file key. @throws Error when a recipient is not understood. */
export async function makeAgeHeader(to: AgeRecipients): Promise<AgeHeader> {
  const {Encrypter} = await load()
  const encrypter = new Encrypter()
  if ('passphrase' in to) {
    // A passphrase has no hook that shows the file key, but opens what it has made.
    encrypter.setPassphrase(to.passphrase)
    if (to.workFactor !== undefined) encrypter.setScryptWorkFactor(to.workFactor)
    const header = headerOf(await encrypter.encrypt(new Uint8Array()))
    return {fileKey: await openAgeHeader(header, {passphrases: [to.passphrase]}), header}
  }

  if (to.recipients.length === 0) throw new Error('there is no recipient')
  const spy = new FileKeySpy()
  for (const recipient of to.recipients) encrypter.addRecipient(recipient)
  encrypter.addRecipient(spy)
  const header = headerOf(await encrypter.encrypt(new Uint8Array()))
  return {fileKey: spy.fileKey, header}
}

/** The file key of a header. @throws Error when none of the keys fits, or the header was changed. */
export async function openAgeHeader(
  header: Uint8Array,
  {identities = [], passphrases = []}: AgeKeys,
): Promise<Uint8Array> {
  const {Decrypter} = await load()
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  for (const passphrase of passphrases) decrypter.addPassphrase(passphrase)
  return decrypter.decryptHeader(header)
}

/** Bytes of the header at the start of a file; undefined when there is none, or no end of it in these bytes. */
export function ageHeaderBytes(start: Uint8Array): number | undefined {
  if (!isAge(start)) return undefined
  for (let at = START.length - 1; at < start.length; at++) {
    if (!END_MARK.every((byte, index) => start[at + index] === byte)) continue
    const end = start.indexOf(NEWLINE, at + 1)
    return end === -1 ? undefined : end + 1
  }

  return undefined
}

/** Whether a file starts like one of age, version 1. */
export function isAge(start: Uint8Array): boolean {
  return start.length >= START.length && START.every((byte, index) => start[index] === byte)
}

/** A new identity (`AGE-SECRET-KEY-1…`) and its recipient (`age1…`). */
export async function newIdentity(): Promise<{identity: string; recipient: string}> {
  const {generateX25519Identity, identityToRecipient} = await load()
  const identity = await generateX25519Identity()
  return {identity, recipient: await identityToRecipient(identity)}
}

/** The recipient of an identity. @throws Error when it is none. */
export async function recipientOf(identity: string): Promise<string> {
  const {identityToRecipient} = await load()
  return identityToRecipient(identity)
}

/** Why something is no recipient, in words; undefined when it is one. */
export async function recipientProblem(recipient: string): Promise<string | undefined> {
  try {
    await makeAgeHeader({recipients: [recipient]})
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'it is not understood'
  }
}

function headerOf(file: Uint8Array): Uint8Array {
  return file.subarray(0, file.length - NONCE_BYTES - TAG_BYTES)
}

/** Is shown the file key as every recipient is, and adds nothing to the header. */
class FileKeySpy implements Recipient {
  #fileKey?: Uint8Array

  get fileKey(): Uint8Array {
    if (!this.#fileKey) throw new Error('the header was made without a file key')
    return this.#fileKey
  }

  wrapFileKey(fileKey: Uint8Array): Stanza[] {
    this.#fileKey = concatBytes([fileKey, new Uint8Array()])
    return []
  }
}
