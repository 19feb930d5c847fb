/** Where backups lie, as people write it: a folder, or the URL of a cloud. */
import path from 'node:path'
import {fileURLToPath} from 'node:url'

import {DataOpsError} from '../model/errors.js'
import {checkKey} from './key.js'

/** A folder of this machine, or a prefix in object storage. */
export type Place =
  | {kind: 'az'; account: string; container: string; prefix: string; url: string}
  | {kind: 'file'; path: string}
  | {kind: 'gs'; bucket: string; prefix: string; url: string}
  | {kind: 's3'; bucket: string; prefix: string; url: string}

/** What people call it, and what has to be said of its URLs. */
const FORMS = {az: 'az://account/container/prefix', gs: 'gs://bucket/prefix', s3: 's3://bucket/prefix'} as const

/**
 * Reads a path, `file:` URL, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://account/container/prefix`.
 * @throws DataOpsError INVALID_INPUT for a place of a kind that is not known: `ftp://host` is no folder called `ftp:`, and `~/backups` none called `~`.
 */
export function parsePlace(place: string): Place {
  if (/^file:/i.test(place)) return {kind: 'file', path: pathOfFileUrl(place)}
  const [, scheme, rest = ''] = /^([a-z][a-z\d+.-]+):\/\/(.*)$/is.exec(place) ?? []
  if (scheme === undefined) {
    checkNoCloud(place)
    checkNoHome(place)
    return {kind: 'file', path: place}
  }

  const kind = scheme.toLowerCase()
  if (kind === 's3' || kind === 'gs') {
    const [bucket = '', ...folders] = partsOf(kind, rest)
    return {bucket, kind, ...prefixOf(`${kind}://${bucket}`, folders)}
  }

  if (kind === 'az') {
    const [account = '', container = '', ...folders] = partsOf(kind, rest)
    return {account, container, kind, ...prefixOf(`az://${account}/${container}`, folders)}
  }

  throw notKnown(scheme)
}

function notKnown(scheme: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `Backups cannot lie at ${scheme}://: that kind of place is not known.`, {
    details: {scheme},
    hint: `Name a folder, or ${Object.values(FORMS).join(', ')}.`,
  })
}

/** What lacks a slash, as where paths are joined, is no folder called `s3:`. */
function checkNoCloud(place: string): void {
  // Mistyped, it would become a folder, with a password in its name.
  const [, server] = /^(ftps?|grpcs?|https?):/i.exec(place) ?? []
  if (server !== undefined) throw notKnown(server)
  const [, scheme = ''] = /^(az|gs|s3):/i.exec(place) ?? []
  if (scheme === '') return
  const form = FORMS[scheme.toLowerCase() as keyof typeof FORMS]
  throw new DataOpsError('INVALID_INPUT', `Two slashes follow the ${scheme}: of a place in object storage.`, {
    details: {scheme},
    hint: `Write ${form}, or ./${scheme}:… for a folder of that name.`,
  })
}

/** A shell leaves a tilde as it is in quotes and behind an equals sign. */
function checkNoHome(place: string): void {
  if (!/^~(?:[\\/]|$)/.test(place)) return
  throw new DataOpsError('INVALID_INPUT', `The ~ of ${place} has not become a folder: nobody has expanded it.`, {
    hint: 'Write the whole path (in a shell "$HOME/…"), or ./~ for a folder of that name.',
  })
}

/** @throws DataOpsError INVALID_INPUT for one that names no file of this machine. */
export function pathOfFileUrl(url: string): string {
  try {
    return fileURLToPath(url)
  } catch (error) {
    throw new DataOpsError('INVALID_INPUT', `${url} names no file of this machine.`, {
      cause: error,
      hint: 'Write file:///folder, with three slashes, or the path alone.',
    })
  }
}

/** Whether it is the URL of a cloud: those are no paths, and `..` in them leads nowhere. */
export function isCloudPlace(place: string): boolean {
  return /^(?:az|gs|s3):\/\//i.test(place)
}

/** A bucket, and what separates it from the keys in it. */
const BUCKET = /^(?:(?:gs|s3):\/\/[^/]+|az:\/\/[^/]+\/[^/]+)\//i

/** Whether it names a bucket and keys in it that begin with a slash: `s3://bucket//prefix`. Backups never lie there. */
export function isRootedPlace(place: string): boolean {
  const [bucket] = BUCKET.exec(place) ?? []
  return bucket !== undefined && place[bucket.length] === '/'
}

/** The same keys, with a slash before them. */
export function rootedPlace(place: string): string {
  return place.replace(BUCKET, '$&/')
}

/** The folder that a file lies in, and its name there. */
export function splitPlace(file: string): {folder: string; name: string} {
  if (!isCloudPlace(file)) {
    const absolute = path.resolve(/^file:/i.test(file) ? pathOfFileUrl(file) : file)
    return {folder: path.dirname(absolute), name: path.basename(absolute)}
  }

  const slash = file.lastIndexOf('/')
  return {folder: file.slice(0, slash), name: file.slice(slash + 1)}
}

/** The names in a URL; nothing in it is decoded, as the clouds' own tools do it. */
function partsOf(kind: keyof typeof FORMS, rest: string): string[] {
  // What comes before an @ may be a secret: not repeated.
  const [host = ''] = rest.split('/', 1)
  const problem = (sentence: string): DataOpsError =>
    new DataOpsError('INVALID_INPUT', `${sentence}.`, {hint: `Write ${FORMS[kind]}.`})
  if (host.includes('@')) throw problem(`Credentials do not belong into the URL of a place`)
  if (/[?#]/.test(rest)) throw problem(`The URL of a place ends with its prefix: nothing may follow a ? or #`)
  if (/\p{Cc}/u.test(rest)) throw problem('The URL of a place has a character in it that cannot be shown')
  const parts = rest.split('/').filter((part) => part !== '')
  const needed = kind === 'az' ? 2 : 1
  const names = parts.slice(0, needed)
  if (names.length < needed)
    throw problem(`${kind}://${rest} names no ${kind === 'az' ? 'account and container' : 'bucket'}`)
  const refused = names.find((name) => !/^[\w.-]{3,222}$/.test(name))
  if (refused !== undefined) {
    const what = kind === 'az' ? 'an account or container' : 'a bucket'
    throw problem(
      `"${refused}" is no name of ${what}: those have 3 to ${kind === 'gs' ? 222 : 63} characters, of letters, digits, dots and hyphens`,
    )
  }

  checkKey(parts.slice(needed).join('/'))
  return parts
}

function prefixOf(root: string, folders: readonly string[]): {prefix: string; url: string} {
  const joined = folders.join('/')
  return joined === '' ? {prefix: '', url: root} : {prefix: `${joined}/`, url: `${root}/${joined}`}
}
