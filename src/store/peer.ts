/** Packages that only some need: loaded once something is asked of them, and not installed along. */
import {existsSync} from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'

import {DataOpsError} from '../model/errors.js'

/**
 * Loads an optional package. `along`: what will be missing next, and is installed by the same command.
 * @param what names what needs it: `Backups at s3://`
 * @throws DataOpsError INVALID_INPUT with the command that installs it when it is not there.
 */
export async function loadPeer<T>(
  what: string,
  name: string,
  load: () => Promise<T>,
  along: readonly string[] = [],
): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    // Of another package: it is broken, not missing.
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' && error instanceof Error && error.message.includes(`'${name}'`)
    if (isMissing) {
      throw new DataOpsError('INVALID_INPUT', `${what} need the package ${name}, which is not installed.`, {
        details: {package: name},
        hint: `Install it: ${installCommand([name, ...along].join(' '), fileURLToPath(import.meta.url))}`,
      })
    }

    const reason = error instanceof Error ? error.message : String(error)
    throw new DataOpsError('UNEXPECTED', `The package ${name} cannot be loaded: ${reason}`, {
      details: {package: name},
      hint: 'Install it anew.',
    })
  }
}

/** The command that installs packages where the copy that a file belongs to finds it. */
export function installCommand(names: string, file: string, isThere: (file: string) => boolean = existsSync): string {
  const parts = file.split(/[\\/]/)
  const at = parts.indexOf('node_modules')
  const separator = file.includes('\\') ? '\\' : '/'
  // A checkout: its own package.json.
  const root = at === -1 ? checkoutOf(file, isThere) : parts.slice(0, at).join(separator)
  const isPackage = at === -1 || isThere(`${root}${separator}package.json`)
  if (isPackage && parts[at + 1] === '.pnpm') return `pnpm add --dir ${quoted(root)} ${names}`
  if (isPackage) return `npm install --prefix ${quoted(root)} ${names}`
  // Global: PREFIX/lib/node_modules, on Windows PREFIX/node_modules.
  const prefix = /[\\/]lib$/.test(root) ? root.slice(0, -'/lib'.length) : root
  return `npm install --global --prefix ${quoted(prefix)} ${names}`
}

function checkoutOf(file: string, isThere: (file: string) => boolean): string {
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (isThere(path.join(folder, 'package.json'))) return folder
  }

  return '.'
}

/** As a shell of that system takes it: of POSIX, nothing within single quotes means anything else. */
function quoted(text: string): string {
  if (/^[\w./:\\-]+$/.test(text)) return text
  return text.startsWith('/') ? `'${text.replaceAll("'", String.raw`'\''`)}'` : `"${text}"`
}
