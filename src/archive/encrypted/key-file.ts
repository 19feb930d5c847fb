/** The key of one backup: an identity of its own, in a small age file for whoever may read the backup. */
import type {Store} from '../../store/store.js'

import {isAge, makeAgeHeader, openAgeHeader, recipientOf} from '../../codec/age/header.js'
import {utf8} from '../../codec/bytes.js'
import {DataOpsError, insteadOf} from '../../model/errors.js'
import {sha256Hex} from '../../platform/node.js'
import {openAgeReader} from '../../store/age/reader.js'
import {encryptAge} from '../../store/age/writer.js'
import {damaged} from '../../store/damaged.js'
import {checkIdentities, type EncryptionOptions} from '../../store/encryption.js'
import {withReader} from '../../store/read-all.js'
import {keyFileName, parseKeyFileName} from '../names.js'
import {encrypted} from './words.js'

/** The base-2 logarithm of what a passphrase costs those who guess it: as the age program has it. Tests spend less; no option. */
export const SCRYPT = {logN: 18}
/** Bytes of a key file at most. */
const MAX_KEY_FILE = 512 * 1024

export interface BackupKey {
  identity: string
  recipient: string
}

export interface KeyFile {
  content: Uint8Array
  name: string
}

/** The file that holds the key for these recipients, or behind a passphrase. Its name says its hash, so that damage shows without a key. */
export async function makeKeyFile(
  {identity, recipient}: BackupKey,
  {backupId, number, to}: {backupId: string; number: number; to: EncryptionOptions},
): Promise<KeyFile> {
  const header = await makeAgeHeader(
    to.encryptTo?.length || to.passphrase === undefined
      ? {recipients: to.encryptTo ?? []}
      : {passphrase: to.passphrase, workFactor: SCRYPT.logN},
  )
  // What `age-keygen` writes: `age -d -i` takes it as it is.
  const text = `# backup: ${backupId}\n# public key: ${recipient}\n${identity}\n`
  const {content, sha256} = encryptAge(header, utf8(text))
  return {content, name: keyFileName(number, sha256)}
}

/** The key files of a backup, the newest first. */
export async function keyFilesOf(store: Store, backup: string): Promise<Array<{name: string; number: number}>> {
  const found: Array<{name: string; number: number}> = []
  for (const {kind, name} of await store.list(backup)) {
    const parsed = parseKeyFileName(name)
    if (parsed && kind === 'file') found.push({name, number: parsed.number})
  }

  return found.sort((a, b) => b.number - a.number)
}

/** Times that the key files are looked at anew, where one of them went meanwhile. */
const MAX_LOOKS = 5

/** What reads key files, anew where one went meanwhile: whoever gives a backup another one puts that there before the old one goes. */
export async function anewWhereGone<T>(work: () => Promise<T>): Promise<T> {
  for (let look = 1; look < MAX_LOOKS; look++) {
    const done = work().then((value) => ({value}))
    const result = await done.catch(insteadOf(undefined, 'NOT_A_BACKUP'))
    if (result) return result.value
  }

  return work()
}

/** Why a key file is not what was written, as far as can be said without opening it. */
export async function keyFileProblem(store: Store, backup: string, name: string): Promise<string | undefined> {
  const content = await contentOf(store, `${backup}/${name}`)
  if (!content || !isAge(content)) return 'It is no age file.'
  return sha256Hex(content).startsWith(parseKeyFileName(name)?.hash ?? '-')
    ? undefined
    : 'It is not what was written: its hash is another.'
}

/**
 * Opens the key of a backup.
 * @throws DataOpsError INVALID_INPUT when there is nothing to open it with, or that does not fit; BACKUP_DAMAGED when no key file is whole.
 */
export async function openBackupKey(
  store: Store,
  backup: string,
  opening: {backupId: string; keys: EncryptionOptions},
): Promise<BackupKey> {
  await checkIdentities(opening.keys)
  return anewWhereGone(async () => openWholeKey(store, backup, opening))
}

async function openWholeKey(
  store: Store,
  backup: string,
  {backupId, keys}: {backupId: string; keys: EncryptionOptions},
): Promise<BackupKey> {
  const where = store.describe(backup)
  const files = await keyFilesOf(store, backup)
  const whole: string[] = []
  let problem = 'its key file is missing'
  for (const {name} of files) {
    const found = await keyFileProblem(store, backup, name)
    if (found === undefined) whole.push(name)
    else problem = `its key file ${name} is not what was written`
  }

  if (whole.length === 0) throw damagedKey(where, problem)
  const identities = keys.identities ?? []
  const passphrases = keys.passphrase === undefined ? [] : [keys.passphrase]
  if (identities.length + passphrases.length === 0) throw encrypted(where)
  let other: DataOpsError | undefined
  for (const name of whole) {
    const text = await tryOpen(store, `${backup}/${name}`, {identities, passphrases})
    if (text === undefined) continue
    const [, identity] = /^(AGE-SECRET-KEY-1[0-9A-Z]+)$/m.exec(text) ?? []
    const isOfThis = /^# backup: (.*)$/m.exec(text)?.[1] === backupId
    if (identity !== undefined && isOfThis) return {identity, recipient: await recipientOf(identity)}
    // Somebody has put it there: another one may be the backup's own.
    other ??= damagedKey(
      where,
      `its key file ${name} ${identity === undefined ? 'holds no key' : 'is of another backup'}`,
    )
  }

  if (other) throw other
  const given = [identities.length > 0 && 'identity', passphrases.length > 0 && 'passphrase']
    .filter(Boolean)
    .join(' or ')
  throw new DataOpsError('INVALID_INPUT', `The ${given} that was given does not open ${where}.`, {
    details: {encrypted: true, path: where},
    hint:
      identities.length > 0
        ? 'It was encrypted to somebody else: give the identity of one of its recipients.'
        : 'Look for a typing mistake; it may have another passphrase, or be encrypted to recipients.',
  })
}

/** Undefined when the keys do not fit. */
async function tryOpen(
  store: Store,
  key: string,
  keys: {identities: readonly string[]; passphrases: readonly string[]},
): Promise<string | undefined> {
  return withReader(store, key, async (file) => {
    let isFitting = true
    const opening = openAgeReader(file, {
      fileKeyOf: async (header) =>
        openAgeHeader(header, keys).catch((error: unknown) => {
          isFitting = false
          throw error
        }),
      where: store.describe(key),
    })
    const reader = await opening.catch(insteadOf(undefined, () => !isFitting))
    return reader && new TextDecoder().decode(await reader.read(0, Math.min(reader.size, MAX_KEY_FILE)))
  })
}

async function contentOf(store: Store, key: string): Promise<Uint8Array | undefined> {
  return withReader(store, key, async (file) => (file.size > MAX_KEY_FILE ? undefined : file.read(0, file.size)))
}

function damagedKey(where: string, reason: string): DataOpsError {
  return damaged(where, reason, {hint: 'Use another backup, or another copy of its key file.'})
}
