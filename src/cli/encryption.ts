/** What opens encrypted backups and whom new ones are encrypted to: from flags, the environment, the settings and the terminal. */
import type {Interfaces} from '@oclif/core'

import {readFile} from 'node:fs/promises'

import type {EncryptionOptions} from '../store/encryption.js'
import type {encryptionFlags} from './flags.js'

import {linesOf} from '../config/setting-texts.js'
import {resolveSetting, type SettingSources} from '../config/settings.js'
import {DataOpsError} from '../model/errors.js'
import {unreadable} from '../store/storage-error.js'
import {askSecret, canAsk} from './prompt.js'

/** Of commands that have them. */
export type EncryptionFlags = Partial<Interfaces.InferredFlags<typeof encryptionFlags>>

const PASSPHRASE = {question: 'Passphrase: ', variable: 'ELYSIACTL_PASSPHRASE'}

/**
 * `isWriting`: the command takes backups. Those are encrypted to the recipients of the strongest source, or else with the passphrase.
 * @throws DataOpsError INVALID_INPUT, never repeating a secret.
 */
export async function encryptionFrom(
  flags: EncryptionFlags,
  sources: Pick<SettingSources, 'env' | 'file' | 'host'>,
  isWriting: boolean,
): Promise<EncryptionOptions> {
  const given = {...sources, flags: {identity: flags.identity}}
  const identity = resolveSetting('identity', given)
  const passphrase =
    resolveSetting('passphrase', given)?.value ??
    (flags.passphrase ? await askedPassphrase(undefined, {...PASSPHRASE, isNew: isWriting}) : undefined)
  return {
    ...(isWriting && {encryptTo: await recipientsFrom(flags, sources), hideNames: flags['hide-names']}),
    ...(identity && {identities: await identitiesOf(identity.value, identity.from)}),
    ...(passphrase !== undefined && {passphrase}),
  }
}

/** Texts that must not be printed. */
export function secretsOfEncryption({identities = [], passphrase}: EncryptionOptions): string[] {
  return [...identities, ...(passphrase === undefined ? [] : [passphrase])]
}

/**
 * From the environment, or typed in. One that is new is typed in twice: with a mistake in it nobody could open what it closes.
 * @throws DataOpsError INVALID_INPUT where nobody can be asked, and when it is another the second time; INTERRUPTED.
 */
export async function askedPassphrase(
  given: string | undefined,
  {isNew, question, variable}: {isNew: boolean; question: string; variable: string},
): Promise<string> {
  if (given) return given
  const answer = canAsk() ? await askSecret(question) : undefined
  if (answer && isNew && (await askSecret('The same again: ')) !== answer)
    throw invalid('The passphrase was another one the second time; nothing was written.', 'Run it again.')
  if (answer) return answer
  throw invalid('There is no passphrase.', `Set ${variable} where nobody can be asked.`)
}

async function recipientsFrom(
  flags: EncryptionFlags,
  sources: Pick<SettingSources, 'env' | 'file' | 'host'>,
): Promise<string[] | undefined> {
  const named = await recipientsOf(flags)
  if (flags.passphrase && named.length > 0) {
    throw invalid('A backup is encrypted to recipients or with a passphrase, not both.', 'Leave one of them out.')
  }

  if (named.length > 0) return named
  // What was asked for on the command line is stronger than the settings.
  return flags.passphrase ? undefined : resolveSetting('recipients', {...sources, flags: {}})?.value
}

/** Those of the command line. */
export async function recipientsOf(flags: EncryptionFlags): Promise<string[]> {
  const file = flags['recipients-file']
  const inFile = file === undefined ? [] : linesOf(await readText(file, '--recipients-file'))
  if (file !== undefined && inFile.length === 0) throw invalid(`The file of recipients ${file} names none.`)
  return [...(flags['encrypt-to'] ?? []), ...inFile]
}

async function identitiesOf(file: string, from: string): Promise<string[]> {
  if (/^AGE-SECRET-KEY/i.test(file)) throw invalid(`${from} takes the path of a file, not the identity itself.`)
  const identities = linesOf(await readText(file, from))
  if (identities.length === 0) throw invalid(`The file ${file} (from ${from}) holds no identity.`)
  const foreign = identities.findIndex((line) => !line.startsWith('AGE-SECRET-KEY-'))
  if (foreign === -1) return identities
  throw invalid(
    `The file ${file} (from ${from}) holds something else than identities of age.`,
    'Each line is AGE-SECRET-KEY-…, as age-keygen writes it; keys of SSH, and files that are encrypted themselves, are not read.',
  )
}

async function readText(file: string, from: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw unreadable(error, `The file ${file} (from ${from})`)
  }
}

function invalid(message: string, hint?: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', message, {hint})
}
