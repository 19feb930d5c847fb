/** Settings of a second server, which a command copies to or compares with: flags `--to-…` and variables `ELYSIACTL_TO_…`, by the same rules. */
import type {SettingName, SettingValues} from './definitions.js'

import {DataOpsError, withContext} from '../model/errors.js'
import {type Resolved, resolveSettings, type Settings} from './settings.js'

const OURS = 'ELYSIACTL_'
const SECOND = 'ELYSIACTL_TO_'

/** What the connection of a second server is made of. */
const MEMBERS: readonly SettingName[] = [
  'apiKey',
  'caFile',
  'discoverNodes',
  'grpcUrl',
  'headers',
  'nodes',
  'oidc',
  'timeoutMs',
  'transport',
  'url',
]

type Environment = Readonly<Record<string, string | undefined>>

/** The environment as the settings of the second server find it. */
export function secondEnvironment(env: Environment): Environment {
  const second: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(env)) {
    if (name.startsWith(SECOND)) second[`${OURS}${name.slice(SECOND.length)}`] = value
  }

  return second
}

/** undefined: none was given. @throws DataOpsError INVALID_INPUT naming what cannot be used, and when anything but the address was given. */
export function resolveSecond({env, flags}: {env: Environment; flags: SettingValues}): Settings | undefined {
  const all = resolve(secondEnvironment(env), flags)
  const settings: Record<string, Resolved<unknown>> = {}
  for (const name of MEMBERS) {
    const setting = all[name]
    if (setting && setting.kind !== 'default') settings[name] = {...setting, from: asSecond(setting.from)}
  }

  const [first] = Object.values(settings)
  if (!first) return undefined
  if (settings.url) return settings
  throw new DataOpsError('INVALID_INPUT', `${first.from} is of a second server, of which there is no address.`, {
    hint: 'Give it with --to-url or ELYSIACTL_TO_URL.',
  })
}

function resolve(env: Environment, flags: SettingValues): Settings {
  try {
    return resolveSettings({env, flags})
  } catch (error) {
    if (!(error instanceof DataOpsError)) throw error
    throw withContext(error, {message: asSecond(error.message)})
  }
}

/** What is said of a connection, with the flags and variables of the second server. */
export function saidOfSecond(text: string): string {
  return text
    .replaceAll(/--(?=(?:api-key|ca-file|discover-nodes|grpc-url|header|node|timeout|transport|url)\b)/g, '--to-')
    .replaceAll(/\b(?:ELYSIACTL|WEAVIATE)_(?=(?:API_KEY|GRPC_URL|URL)\b)/g, () => SECOND)
}

function asSecond(from: string): string {
  return from.replace(/--(?!to-)/, '--to-').replace(/\bELYSIACTL_(?!TO_)/, () => SECOND)
}
