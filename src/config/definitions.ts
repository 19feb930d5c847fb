/** Every setting: what it may be, where it can be set, what it is by default. */
import type {ConnectOptions} from '../weaviate/connection.js'

import {PROTECTED_NAMES} from '../jobs/clear/plan.js'
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

export interface SettingDefinition<T> {
  default?: T
  /** Environment variables, strongest first. */
  env: readonly string[]
  flag?: string
  /** Reads the text of an environment variable. @throws Error whose message follows the variable's name. */
  parse?: (text: string, variable: string) => T
  secret: boolean
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
    parse: (text) => text,
    secret: true,
  },
  backups: {default: './backups', env: ['ELYSIACTL_BACKUPS'], flag: 'output', parse: (text) => text, secret: false},
  batchSize: {env: ['ELYSIACTL_BATCH_SIZE'], flag: 'batch-size', parse: parsePositiveInteger, secret: false},
  ca: {env: [], secret: false},
  caFile: {env: ['ELYSIACTL_CA_FILE'], flag: 'ca-file', parse: (text) => text, secret: false},
  client: {env: [], secret: true},
  discoverNodes: {env: ['ELYSIACTL_DISCOVER_NODES'], flag: 'discover-nodes', parse: parseBoolean, secret: false},
  grpcUrl: {
    env: ['ELYSIACTL_GRPC_URL', 'WEAVIATE_GRPC_URL'],
    flag: 'grpc-url',
    parse: (text) => text,
    secret: false,
  },
  headers: {env: ['ELYSIACTL_HEADERS'], flag: 'header', parse: (text) => parseHeaders(text.split('\n')), secret: true},
  identity: {env: ['ELYSIACTL_IDENTITY'], flag: 'identity', parse: (text) => text, secret: false},
  nodes: {
    env: ['ELYSIACTL_NODES'],
    flag: 'node',
    parse: (text) => text.split(/\s+/).filter(Boolean),
    secret: false,
  },
  oidc: {env: OIDC_ENV, secret: true},
  passphrase: {env: ['ELYSIACTL_PASSPHRASE'], parse: (text) => text, secret: true},
  protectedNames: {
    default: [...PROTECTED_NAMES],
    env: ['ELYSIACTL_PROTECTED'],
    parse: (text) =>
      text
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean),
    secret: false,
  },
  recipients: {env: [], secret: false},
  timeoutMs: {
    env: ['ELYSIACTL_TIMEOUT'],
    flag: 'timeout',
    parse: (text) => parseSeconds(text) * 1000,
    secret: false,
  },
  transport: {
    env: ['ELYSIACTL_TRANSPORT'],
    flag: 'transport',
    parse: (text) => text as NonNullable<ConnectOptions['transport']>,
    secret: false,
  },
  url: {
    default: 'http://localhost:8080',
    env: ['ELYSIACTL_URL', 'WEAVIATE_URL', 'WCD_URL'],
    flag: 'url',
    parse: (text, variable) => normalizeUrl(text, variable === 'WCD_URL' ? 'https' : undefined),
    secret: false,
  },
  workers: {env: ['ELYSIACTL_WORKERS'], flag: 'workers', parse: parsePositiveInteger, secret: false},
}

const textType = {label: 'text', test: (value: unknown) => typeof value === 'string'}

const positiveType = {
  label: 'a positive number',
  test: (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value > 0,
}

export const recordType = {
  label: 'a set of members',
  test: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
}

const textsType = {
  label: 'a list of texts',
  test: (value: unknown) => Array.isArray(value) && value.every((text) => typeof text === 'string'),
}

const countType = {
  label: 'a positive integer',
  test: (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0,
}

export const EXPECTED_TYPES: Partial<Record<SettingName, {label: string; test: (value: unknown) => boolean}>> = {
  apiKey: textType,
  backups: textType,
  batchSize: countType,
  ca: textType,
  caFile: textType,
  client: recordType,
  discoverNodes: {label: 'true or false', test: (value) => typeof value === 'boolean'},
  grpcUrl: textType,
  headers: {
    label: 'a map of names to texts',
    test: (value) =>
      recordType.test(value) &&
      Object.values(value as Record<string, unknown>).every((text) => typeof text === 'string'),
  },
  identity: textType,
  nodes: textsType,
  oidc: recordType,
  passphrase: textType,
  protectedNames: textsType,
  recipients: textsType,
  timeoutMs: positiveType,
  transport: {
    label: 'auto, grpc or rest',
    test: (value) => (TRANSPORTS as readonly unknown[]).includes(value),
  },
  url: textType,
  workers: countType,
}
