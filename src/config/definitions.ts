/** Every setting: what it may be, where it can be set, what it is by default. */
import type {ConnectOptions} from '../weaviate/connection.js'

import {PROTECTED_NAMES} from '../jobs/clear/plan.js'
import {isJsonObject} from '../model/object.js'
import {normalizeUrl, parseBoolean, parseHeaders, parsePositiveInteger, parseSeconds} from './setting-texts.js'

/** Everything that can be set elsewhere than on the command line. */
export interface SettingValues {
  apiKey?: string
  /** Place of the backups: a folder, or its URL. */
  backups?: string
  /** Objects a page or batch. */
  batchSize?: number
  /** PEM text; only a host gives it directly. */
  ca?: string
  /** Path of a PEM file. */
  caFile?: string
  client?: ConnectOptions['client']
  grpcUrl?: string
  /** Whether every address of the host's name is a node. */
  discoverNodes?: boolean
  headers?: Record<string, string>
  /** Path of a file with age identities. */
  identity?: string
  /** Further nodes of the cluster, `URL` or `URL,gRPC address`. */
  nodes?: string[]
  oidc?: ConnectOptions['oidc']
  passphrase?: string
  protectedNames?: string[]
  /** Of age: whom backups are encrypted to. */
  recipients?: string[]
  /** Milliseconds for one request. */
  timeoutMs?: number
  transport?: NonNullable<ConnectOptions['transport']>
  url?: string
  /** Threads of a backup or a restore. */
  workers?: number
}

export const TRANSPORTS = ['auto', 'grpc', 'rest'] as const

export type SettingName = keyof SettingValues

/** What a value may be. */
export interface SettingType {
  label: string
  test: (value: unknown) => boolean
}

export const BOOLEAN: SettingType = {label: 'true or false', test: (value) => typeof value === 'boolean'}
export const TEXT: SettingType = {label: 'text', test: (value) => typeof value === 'string'}
export const TEXTS: SettingType = {
  label: 'a list of texts',
  test: (value) => Array.isArray(value) && value.every((text) => typeof text === 'string'),
}
export const MAP: SettingType = {
  label: 'a map of names to texts',
  test: (value) => isJsonObject(value) && Object.values(value).every((text) => typeof text === 'string'),
}
const COUNT: SettingType = {
  label: 'a positive integer',
  test: (value) => Number.isSafeInteger(value) && (value as number) > 0,
}
const POSITIVE: SettingType = {
  label: 'a positive number',
  test: (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
}
const RECORD: SettingType = {label: 'a set of members', test: isJsonObject}
const TRANSPORT: SettingType = {
  label: 'auto, grpc or rest',
  test: (value) => (TRANSPORTS as readonly unknown[]).includes(value),
}

export interface SettingDefinition<T> {
  default?: T
  /** Environment variables, strongest first. */
  env: readonly string[]
  flag?: string
  /** Reads the text of an environment variable; default: it is the value. @throws Error whose message follows the variable's name. */
  parse?: (text: string, variable: string) => T
  secret?: true
  type: SettingType
}

/** Environment variables of the OIDC sign-ins; one of the first three groups decides which. */
export const OIDC_ENV = [
  'ELYSIACTL_OIDC_CLIENT_SECRET',
  'ELYSIACTL_OIDC_PASSWORD',
  'ELYSIACTL_OIDC_ACCESS_TOKEN',
  'ELYSIACTL_OIDC_REFRESH_TOKEN',
  'ELYSIACTL_OIDC_USERNAME',
  'ELYSIACTL_OIDC_SCOPES',
] as const

export const SETTINGS: {readonly [K in SettingName]: SettingDefinition<NonNullable<SettingValues[K]>>} = {
  apiKey: {
    env: ['ELYSIACTL_API_KEY', 'WEAVIATE_API_KEY', 'WCD_API_KEY'],
    flag: 'api-key',
    secret: true,
    type: TEXT,
  },
  backups: {default: './backups', env: ['ELYSIACTL_BACKUPS'], flag: 'output', type: TEXT},
  batchSize: {env: ['ELYSIACTL_BATCH_SIZE'], flag: 'batch-size', parse: parsePositiveInteger, type: COUNT},
  ca: {env: [], type: TEXT},
  caFile: {env: ['ELYSIACTL_CA_FILE'], flag: 'ca-file', type: TEXT},
  client: {env: [], secret: true, type: RECORD},
  discoverNodes: {env: ['ELYSIACTL_DISCOVER_NODES'], flag: 'discover-nodes', parse: parseBoolean, type: BOOLEAN},
  grpcUrl: {env: ['ELYSIACTL_GRPC_URL', 'WEAVIATE_GRPC_URL'], flag: 'grpc-url', type: TEXT},
  headers: {
    env: ['ELYSIACTL_HEADERS'],
    flag: 'header',
    parse: (text) => parseHeaders(text.split('\n')),
    secret: true,
    type: MAP,
  },
  identity: {env: ['ELYSIACTL_IDENTITY'], flag: 'identity', type: TEXT},
  nodes: {env: ['ELYSIACTL_NODES'], flag: 'node', parse: (text) => text.split(/\s+/).filter(Boolean), type: TEXTS},
  oidc: {env: OIDC_ENV, secret: true, type: RECORD},
  passphrase: {env: ['ELYSIACTL_PASSPHRASE'], secret: true, type: TEXT},
  protectedNames: {
    default: [...PROTECTED_NAMES],
    env: ['ELYSIACTL_PROTECTED'],
    parse: (text) =>
      text
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean),
    type: TEXTS,
  },
  recipients: {env: [], type: TEXTS},
  timeoutMs: {
    env: ['ELYSIACTL_TIMEOUT'],
    flag: 'timeout',
    parse: (text) => parseSeconds(text) * 1000,
    type: POSITIVE,
  },
  transport: {env: ['ELYSIACTL_TRANSPORT'], flag: 'transport', type: TRANSPORT},
  url: {
    default: 'http://localhost:8080',
    env: ['ELYSIACTL_URL', 'WEAVIATE_URL', 'WCD_URL'],
    flag: 'url',
    parse: (text, variable) => normalizeUrl(text, variable === 'WCD_URL' ? 'https' : undefined),
    type: TEXT,
  },
  workers: {env: ['ELYSIACTL_WORKERS'], flag: 'workers', parse: parsePositiveInteger, type: COUNT},
}
