/** Where each setting of a command comes from: flag > environment > host > settings file > default. */
import type {ConnectOptions} from '../weaviate/connection.js'

import {PROTECTED_NAMES} from '../jobs/clear/plan.js'
import {DataOpsError} from '../model/errors.js'

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
}

export const TRANSPORTS = ['auto', 'grpc', 'rest'] as const

export type SettingName = keyof SettingValues
export type SourceKind = 'default' | 'env' | 'file' | 'flag' | 'host'

/** Strongest first. */
const SOURCE_ORDER: readonly SourceKind[] = ['flag', 'env', 'host', 'file', 'default']

export interface Resolved<T> {
  /** For a person: `--url`, `WEAVIATE_URL`, `the host`, a path, `the default`. */
  from: string
  kind: SourceKind
  value: T
}

export type Settings = {[K in SettingName]?: Resolved<NonNullable<SettingValues[K]>>}

/** One place that settings were found in. */
export interface SettingsLayer {
  /** Name of the place, for a person; flags and environment variables are named one by one. */
  from: string
  values: SettingValues
}

interface SettingDefinition<T> {
  default?: T
  /** Environment variables, strongest first. */
  env: readonly string[]
  flag?: string
  /** Reads the text of an environment variable. @throws Error whose message follows the variable's name. */
  parse?: (text: string, variable: string) => T
  secret: boolean
}

/** Environment variables of the OIDC sign-ins; one of the first three groups decides which. */
const OIDC_ENV = [
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
}

const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

export interface SettingSources {
  env: Readonly<Record<string, string | undefined>>
  /** From the settings file. */
  file?: SettingsLayer
  flags: SettingValues
  /** Answers of hosts, strongest first. */
  host?: readonly SettingsLayer[]
}

/**
 * Picks each setting from the strongest source that has it; headers are joined by name.
 * @throws DataOpsError INVALID_INPUT naming the source of a value that cannot be understood, never the value of a secret.
 */
export function resolveSettings(sources: SettingSources): Settings {
  const settings: Settings = {}
  for (const name of SETTING_NAMES) resolveOne(settings, name, sources)
  return settings
}

/** One setting by itself: what is wrong with another does not matter to who needs this one. */
export function resolveSetting<K extends SettingName>(name: K, sources: SettingSources): Settings[K] {
  const settings: Settings = {}
  resolveOne(settings, name, sources)
  return settings[name]
}

function resolveOne<K extends SettingName>(settings: Settings, name: K, sources: SettingSources): void {
  const found = candidates(name, sources)
  const [strongest] = found
  if (!strongest) return
  const all = settings as Record<SettingName, unknown>
  all[name] =
    name === 'headers'
      ? {...strongest, value: Object.fromEntries(found.toReversed().flatMap(({value}) => Object.entries(value)))}
      : strongest
}

function candidates<K extends SettingName>(
  name: K,
  {env, file, flags, host = []}: SettingSources,
): Array<Resolved<NonNullable<SettingValues[K]>>> {
  type Value = NonNullable<SettingValues[K]>
  const definition = SETTINGS[name] as unknown as SettingDefinition<Value>
  const found: Array<Resolved<Value>> = []
  const add = (value: unknown, kind: SourceKind, from: string) => {
    if (value === undefined || value === null) return
    found.push({from, kind, value: normalize(name, value, from) as Value})
  }

  add(flags[name], 'flag', `--${definition.flag}`)
  const variable = definition.env.find((key) => env[key])
  if (name === 'oidc') {
    const oidc = oidcFrom({
      accessToken: env.ELYSIACTL_OIDC_ACCESS_TOKEN,
      clientSecret: env.ELYSIACTL_OIDC_CLIENT_SECRET,
      password: env.ELYSIACTL_OIDC_PASSWORD,
      refreshToken: env.ELYSIACTL_OIDC_REFRESH_TOKEN,
      scopes: env.ELYSIACTL_OIDC_SCOPES?.split(/[\s,]+/).filter(Boolean),
      username: env.ELYSIACTL_OIDC_USERNAME,
    })
    if (oidc) add(oidc, 'env', variable ?? OIDC_ENV[0])
  } else if (variable) {
    add(
      attempt(variable, () => definition.parse!(env[variable]!, variable)),
      'env',
      variable,
    )
  }

  for (const layer of host) add(layer.values[name], 'host', layer.from)
  if (file) add(file.values[name], 'file', file.from)
  add(definition.default, 'default', 'the default')
  return found
}

/** Values of any source pass here; names the source when one cannot be used. */
function normalize(name: SettingName, value: unknown, from: string): unknown {
  const expected = EXPECTED_TYPES[name]
  if (expected && !expected.test(value))
    throw new DataOpsError(
      'INVALID_INPUT',
      `${upperFirst(from)} gives something else than ${expected.label} as ${name}.`,
    )
  if (name === 'url') return attempt(from, () => normalizeUrl(value as string))
  return value
}

const textType = {label: 'text', test: (value: unknown) => typeof value === 'string'}
const positiveType = {
  label: 'a positive number',
  test: (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value > 0,
}
const recordType = {
  label: 'a set of members',
  test: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
}
const textsType = {
  label: 'a list of texts',
  test: (value: unknown) => Array.isArray(value) && value.every((text) => typeof text === 'string'),
}
const EXPECTED_TYPES: Partial<Record<SettingName, {label: string; test: (value: unknown) => boolean}>> = {
  apiKey: textType,
  backups: textType,
  batchSize: {label: 'a positive integer', test: (value) => Number.isSafeInteger(value) && (value as number) > 0},
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
}

function attempt<T>(from: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new DataOpsError('INVALID_INPUT', `${upperFirst(from)} ${(error as Error).message}.`)
  }
}

function upperFirst(text: string): string {
  return text.startsWith('the ') ? `T${text.slice(1)}` : text
}

/** The OIDC sign-in that the given parts make, if any. */
export function oidcFrom(parts: {
  accessToken?: string
  clientSecret?: string
  password?: string
  refreshToken?: string
  scopes?: string[]
  username?: string
}): ConnectOptions['oidc'] | undefined {
  const scopes = parts.scopes?.length ? {scopes: parts.scopes} : {}
  if (parts.clientSecret) return {clientSecret: parts.clientSecret, ...scopes}
  if (parts.username && parts.password) return {password: parts.password, username: parts.username, ...scopes}
  if (parts.accessToken)
    return {accessToken: parts.accessToken, ...(parts.refreshToken && {refreshToken: parts.refreshToken})}
  return undefined
}

/**
 * What `connect()` takes. One sign-in is passed on, the one from the stronger source; a host's client only when
 * neither address nor sign-in was given by flag or environment.
 */
export function connectOptions(settings: Settings): ConnectOptions {
  const options: ConnectOptions = {
    ca: settings.ca?.value,
    grpcUrl: settings.grpcUrl?.value,
    headers: settings.headers?.value,
    proxy: 'env',
    timeoutMs: settings.timeoutMs?.value,
    transport: settings.transport?.value,
    url: settings.url?.value,
  }
  const isOwn = [settings.url, settings.apiKey, settings.oidc].some(
    (setting) => setting && (setting.kind === 'flag' || setting.kind === 'env'),
  )
  // Nodes that a weaker source names are those of its own cluster.
  if (isFor(settings.url, settings.nodes)) options.nodes = settings.nodes?.value
  if (isFor(settings.url, settings.discoverNodes)) options.discoverNodes = settings.discoverNodes?.value
  if (settings.client && !isOwn) return {...options, client: settings.client.value, url: hostUrl(settings)}

  if (settings.oidc && (!settings.apiKey || rank(settings.oidc) < rank(settings.apiKey))) {
    options.oidc = settings.oidc.value
  } else {
    options.apiKey = settings.apiKey?.value
  }

  return options
}

function isFor(url: Resolved<unknown> | undefined, setting: Resolved<unknown> | undefined): boolean {
  return setting !== undefined && (!url || rank(setting) <= rank(url))
}

/** With a client the address is the client's, unless the host gives one beside it. */
function hostUrl(settings: Settings): string | undefined {
  return settings.url?.kind === 'host' ? settings.url.value : undefined
}

function rank(setting: Resolved<unknown>): number {
  return SOURCE_ORDER.indexOf(setting.kind)
}

/** What a connection is made of. */
const CONNECTION_SETTINGS: readonly SettingName[] = [
  'url',
  'grpcUrl',
  'apiKey',
  'oidc',
  'client',
  'headers',
  'caFile',
  'ca',
  'timeoutMs',
  'transport',
  'nodes',
  'discoverNodes',
]

/** Each setting of the connection with where it came from, secrets masked; for the details of errors. */
export function describeSettings(settings: Settings): Record<string, {from: string; value: unknown}> {
  const described: Record<string, {from: string; value: unknown}> = {}
  for (const name of CONNECTION_SETTINGS) {
    const setting = settings[name]
    if (!setting) continue
    const value: unknown = SETTINGS[name].secret ? '***' : setting.value
    described[name] = {from: setting.from, value: typeof value === 'string' ? withoutUserInfo(value) : value}
  }

  return described
}

/** Every secret text in the settings. */
export function secretsOf(settings: Settings): string[] {
  const texts: string[] = []
  const collect = (value: unknown) => {
    if (typeof value === 'string') texts.push(value)
    else if (recordType.test(value))
      for (const member of Object.values(value as Record<string, unknown>)) collect(member)
  }

  collect(settings.apiKey?.value)
  collect(settings.headers?.value)
  collect(settings.oidc?.value)
  collect(settings.passphrase?.value)
  for (const url of [settings.url?.value, settings.grpcUrl?.value]) collect(passwordOf(url))
  return texts
}

/** Values of the secret environment variables. */
export function secretsOfEnvironment(env: Readonly<Record<string, string | undefined>>): string[] {
  const names = [...SETTINGS.apiKey.env, ...SETTINGS.passphrase.env, ...OIDC_ENV.slice(0, 4)]
  const texts = names.map((name) => env[name] ?? '')
  for (const line of (env.ELYSIACTL_HEADERS ?? '').split('\n')) texts.push(line.slice(line.indexOf(':') + 1).trim())
  for (const name of [...SETTINGS.url.env, ...SETTINGS.grpcUrl.env]) texts.push(passwordOf(env[name]) ?? '')
  return texts.filter(Boolean)
}

function passwordOf(url: string | undefined): string | undefined {
  return url && /\/\/[^/@]*:([^/@]+)@/.exec(url)?.[1]
}

/** The address without user name and password. */
export function withoutUserInfo(url: string): string {
  return url.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/@]*@/i, '$1')
}

/**
 * An address as `connect` takes it: with a scheme, without `/v1` and without a trailing slash. Without a scheme, local hosts, IP addresses
 * and hosts with a port are http, others, and port 443, https.
 * @throws Error when it is no http address.
 */
export function normalizeUrl(text: string, scheme?: 'https'): string {
  const trimmed = text.trim()
  const hasScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(trimmed)
  const isPlain = /^(localhost|\[|\d+\.\d+\.\d+\.\d+|[^/]*:\d+(\/|$))/i.test(trimmed)
  const isTls = !isPlain || /^[^/]*:443(\/|$)/.test(trimmed)
  const candidate = hasScheme ? trimmed : `${scheme ?? (isTls ? 'https' : 'http')}://${trimmed}`
  if (!URL.canParse(candidate) || !/^https?:\/\/[^/]/i.test(candidate))
    throw new Error('gives an address that is not http or https')
  // A mistyped scheme (`http:/me:key@host`) makes a path of the password.
  if (new URL(candidate).pathname.includes('@')) throw new Error('gives an address that is not http or https')
  return candidate.replace(/\/+$/, '').replace(/\/v1$/, '')
}

/** `Name: value` texts. @throws Error that never repeats a value. */
export function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines) {
    if (line.trim() === '') continue
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).trim()
    const value = line.slice(colon + 1).trim()
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || value === '') throw new Error('needs "Name: value" in one quoted text')
    headers[name] = value
  }

  return headers
}

/** Seconds from text. @throws Error when it is no positive number. */
export function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds <= 0)
    throw new Error('needs a positive number of seconds')
  return seconds
}

/** @throws Error. */
function parseBoolean(text: string): boolean {
  if (/^(1|true|yes)$/i.test(text.trim())) return true
  if (/^(0|false|no)$/i.test(text.trim())) return false
  throw new Error('needs true or false')
}

function parsePositiveInteger(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text.trim())) throw new Error('needs a positive integer')
  return Number(text)
}
