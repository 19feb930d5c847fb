import {execFile} from 'node:child_process'
import {homedir} from 'node:os'
import path from 'node:path'
import process from 'node:process'
import {promisify} from 'node:util'

import {root} from './root.js'

const exec = promisify(execFile)

export interface Tarball {
  /** Paths in it, sorted. */
  files: string[]
  /** Where it lies. */
  path: string
  /** Bytes. */
  size: number
  unpackedSize: number
}

/** Variables that make npm take from its cache what `npm ci` of this project put there, whatever HOME is. */
export const npmCache = {
  npm_config_cache: process.env.npm_config_cache ?? path.join(homedir(), '.npm'),
  npm_config_prefer_offline: 'true',
  npm_config_userconfig: process.env.npm_config_userconfig ?? path.join(homedir(), '.npmrc'),
}

/** Packs this project as it would be published; dist must be built. */
export async function pack(destination: string): Promise<Tarball> {
  const {stdout} = await exec('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', destination], {
    cwd: root,
  })
  type Packed = Omit<Tarball, 'files' | 'path'> & {filename: string; files: Array<{path: string}>}
  const answer = JSON.parse(stdout) as Packed[] | Record<string, Packed>
  const [packed] = Object.values(answer)
  const {filename, files, size, unpackedSize} = packed!
  return {files: files.map((file) => file.path).toSorted(), path: path.join(destination, filename), size, unpackedSize}
}
