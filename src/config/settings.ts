/** Where each setting of a command comes from: flag > environment > host > settings file > default. */
import type {ConnectOptions} from '../weaviate/connection.js'

import {DataOpsError} from '../model/errors.js'
import {isJsonObject} from '../model/object.js'
import {secretsInUserInfo, type UserInfoOptions, withoutUserInfo} from '../model/user-info.js'
import {OIDC_ENV, type SettingDefinition, type SettingName, SETTINGS, type SettingValues} from './definitions.js'
import {normalizeUrl, passwordsOf} from './setting-texts.js'

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
    const text = env[variable]!
    add(
      attempt(variable, () => definition.parse?.(text, variable) ?? text),
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
  const {label, test} = SETTINGS[name].type
  if (!test(value))
    throw new DataOpsError('INVALID_INPUT', `${upperFirst(from)} gives something else than ${label} as ${name}.`)
  if (name === 'url') return attempt(from, () => normalizeUrl(value as string))
  return value
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

const ADDRESSES: ReadonlySet<SettingName> = new Set(['grpcUrl', 'nodes', 'url'])

/** Each setting of the connection with where it came from, secrets masked; for the details of errors. */
export function describeSettings(settings: Settings): Record<string, {from: string; value: unknown}> {
  const described: Record<string, {from: string; value: unknown}> = {}
  for (const name of CONNECTION_SETTINGS) {
    const setting = settings[name]
    if (!setting) continue
    const isAddress = ADDRESSES.has(name)
    const value = SETTINGS[name].secret ? '***' : withoutPasswords(setting.value, {isAddress})
    described[name] = {from: setting.from, value}
  }

  return described
}

function withoutPasswords(value: unknown, what: UserInfoOptions): unknown {
  if (Array.isArray(value)) return value.map((each) => withoutPasswords(each, what))
  return typeof value === 'string' ? withoutUserInfo(value, what) : value
}

/** Every secret text in the settings. */
export function secretsOf(settings: Settings): string[] {
  const texts: string[] = []
  const collect = (value: unknown) => {
    if (typeof value === 'string') texts.push(value)
    else if (isJsonObject(value)) for (const member of Object.values(value)) collect(member)
  }

  collect(settings.apiKey?.value)
  collect(settings.headers?.value)
  collect(settings.oidc?.value)
  collect(settings.passphrase?.value)
  const addresses = [settings.url?.value ?? [], settings.grpcUrl?.value ?? [], settings.nodes?.value ?? []].flat()
  return [...texts, ...passwordsOf(addresses)]
}

/** Values of the secret environment variables. */
export function secretsOfEnvironment(env: Readonly<Record<string, string | undefined>>): string[] {
  const names = [...SETTINGS.apiKey.env, ...SETTINGS.passphrase.env, ...OIDC_ENV.slice(0, 4)]
  const texts = names.map((name) => env[name] ?? '')
  for (const line of (env.ELYSIACTL_HEADERS ?? '').split('\n')) texts.push(line.slice(line.indexOf(':') + 1).trim())
  const addresses = [...SETTINGS.url.env, ...SETTINGS.grpcUrl.env, ...SETTINGS.nodes.env].flatMap((name) =>
    (env[name] ?? '').split(/\s+/),
  )
  const places = SETTINGS.backups.env.map((name) => env[name] ?? '')
  return [...texts, ...passwordsOf(addresses), ...places.flatMap((place) => secretsInUserInfo(place))].filter(Boolean)
}
