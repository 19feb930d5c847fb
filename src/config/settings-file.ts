/** Reads `~/.elysiactl/settings.yaml`, which the host CLI shares with us; members that are not ours are ignored. */
import {readFile, stat} from 'node:fs/promises'
import {homedir} from 'node:os'
import path from 'node:path'

import type {Warning} from '../model/progress.js'

import {DataOpsError} from '../model/errors.js'
import {isJsonObject} from '../model/object.js'
import {BOOLEAN, MAP, type SettingType, type SettingValues, TEXT, TEXTS} from './definitions.js'
import {oidcFrom} from './settings.js'

export interface SettingsFile {
  path: string
  values: SettingValues
  warnings: Warning[]
}

export function defaultSettingsPath(): string {
  return path.join(homedir(), '.elysiactl', 'settings.yaml')
}

/**
 * Reads a settings file. Without a path the default one, which need not exist.
 * @throws DataOpsError INVALID_INPUT when it cannot be read or understood.
 */
export async function readSettingsFile(explicitPath?: string): Promise<SettingsFile | undefined> {
  const filePath = explicitPath === undefined ? defaultSettingsPath() : path.resolve(explicitPath)
  const file = await readText(filePath, explicitPath !== undefined)
  if (file === undefined) return undefined
  const {parse} = await import('yaml')
  let document: unknown
  try {
    document = parse(file.text)
  } catch (error) {
    // The parser's message quotes the line, which may hold a secret.
    const line = (error as {linePos?: Array<{line: number}>}).linePos?.[0]?.line
    throw new DataOpsError(
      'INVALID_INPUT',
      `The settings file ${filePath} is not YAML${line === undefined ? '' : ` (line ${line})`}.`,
      {hint: 'Correct it, or name another with --config.'},
    )
  }

  if (document === null || document === undefined) return {path: filePath, values: {}, warnings: []}
  const values = valuesOf(document, filePath)
  const hasSecret = Boolean(values.apiKey ?? values.headers ?? values.oidc)
  const warnings: Warning[] = []
  if (hasSecret && process.platform !== 'win32' && (file.mode & 0o044) !== 0)
    warnings.push({
      code: 'settings-readable',
      details: {path: filePath},
      message: `The settings file ${filePath} holds a secret and others can read it: chmod 600 it.`,
    })
  return {path: filePath, values, warnings}
}

async function readText(filePath: string, isRequired: boolean): Promise<undefined | {mode: number; text: string}> {
  try {
    const [text, {mode}] = await Promise.all([readFile(filePath, 'utf8'), stat(filePath)])
    return {mode, text}
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !isRequired) return undefined
    throw new DataOpsError(
      'INVALID_INPUT',
      `The settings file ${filePath} cannot be read (${code ?? 'unknown reason'}).`,
      {
        hint: 'Name a readable file with --config.',
      },
    )
  }
}

function valuesOf(document: unknown, filePath: string): SettingValues {
  const read = reader(document, filePath)
  const oidc = oidcFrom({
    accessToken: read('weaviate.oidc.access_token', 'text'),
    clientSecret: read('weaviate.oidc.client_secret', 'text'),
    password: read('weaviate.oidc.password', 'text'),
    refreshToken: read('weaviate.oidc.refresh_token', 'text'),
    scopes: read('weaviate.oidc.scopes', 'texts'),
    username: read('weaviate.oidc.username', 'text'),
  })
  const seconds = read('weaviate.timeout', 'number')
  const caFile = read('weaviate.ca_file', 'text')
  return {
    apiKey: read('weaviate.api_key', 'text'),
    backups: placeFrom(filePath, read('backups.location', 'text')),
    batchSize: read('weaviate.batch_size', 'number'),
    caFile: caFile && path.resolve(path.dirname(filePath), caFile),
    discoverNodes: read('weaviate.discover_nodes', 'boolean'),
    grpcUrl: read('weaviate.grpc_endpoint', 'text'),
    headers: read('weaviate.headers', 'map'),
    identity: placeFrom(filePath, read('backups.identity', 'text')),
    nodes: read('weaviate.nodes', 'texts'),
    oidc,
    protectedNames: read('clear.protected', 'texts'),
    recipients: read('backups.recipients', 'texts'),
    timeoutMs: seconds === undefined ? undefined : seconds * 1000,
    transport: read('weaviate.transport', 'text') as SettingValues['transport'],
    url: read('services.weaviate_base_url', 'text') ?? read('weaviate.endpoint', 'text'),
    workers: read('weaviate.workers', 'number'),
  }
}

/** A folder is meant from where the file lies, as `weaviate.ca_file` is. */
function placeFrom(filePath: string, place: string | undefined): string | undefined {
  return place === undefined || /^[a-z][a-z\d+.-]+:/i.test(place) ? place : path.resolve(path.dirname(filePath), place)
}

interface Kinds {
  boolean: boolean
  map: Record<string, string>
  number: number
  text: string
  texts: string[]
}

const KINDS: Record<keyof Kinds, SettingType> = {
  boolean: BOOLEAN,
  map: MAP,
  number: {label: 'a number', test: (value) => typeof value === 'number'},
  text: TEXT,
  texts: TEXTS,
}

function reader(document: unknown, filePath: string) {
  return <K extends keyof Kinds>(name: string, kind: K): Kinds[K] | undefined => {
    let value: unknown = document
    for (const key of name.split('.')) {
      if (value === undefined || value === null) return undefined
      if (!isJsonObject(value)) throw wrongType(filePath, name, 'inside a map')
      value = Object.hasOwn(value, key) ? value[key] : undefined
    }

    if (['', null, undefined].includes(value as null)) return undefined
    if (!KINDS[kind].test(value)) throw wrongType(filePath, name, KINDS[kind].label)
    return value as Kinds[K]
  }
}

function wrongType(filePath: string, name: string, label: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `In the settings file ${filePath}, ${name} must be ${label}.`)
}
