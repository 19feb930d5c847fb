/** Flags that several commands share. Imports nothing heavy: `--help` reads them. */
import {Args, Flags, type Interfaces} from '@oclif/core'

import type {RateLimit, RetryOptions} from '../flow/options.js'
import type {JsonValue} from '../model/object.js'

import {type SettingValues, TRANSPORTS} from '../config/definitions.js'
import {parseHeaders, parseSeconds} from '../config/setting-texts.js'
import {DataOpsError} from '../model/errors.js'
import {mapValues} from '../model/map-values.js'

const RETRY = 'RETRY AND LOAD'
const ENCRYPTION = 'ENCRYPTION'

export const secondsFlag = Flags.custom<number>({helpValue: '<seconds>', parse: async (text) => parseSeconds(text)})

/** Of flags that may be repeated, each with one value. */
export const REPEATED = {multiple: true, multipleNonGreedy: true} as const

/** Of flags that take headers. */
export const HEADERS = {
  helpValue: '<name: value>',
  ...REPEATED,
  noCacheDefault: true,
  async parse(text: string) {
    parseHeaders([text === '' ? ':' : text])
    return text
  },
} as const

/** Of flags that take further nodes. */
export const NODES = {helpValue: '<url>', ...REPEATED, noCacheDefault: true} as const

/** Of a time in words: 12h, 30d. `minutes`: 30m, too. */
export const durationFlag = (description: string, options?: {helpGroup?: string; minutes?: boolean}) =>
  Flags.custom<number>({
    description,
    ...(options?.helpGroup !== undefined && {helpGroup: options.helpGroup}),
    helpValue: '<time>',
    async parse(text) {
      const {parseDuration} = await import('../catalog/retention.js')
      return parseDuration(text, {minutes: options?.minutes})
    },
  })()

/** `640`, `0640`, `0o640`. */
export const modeFlag = Flags.custom<number>({
  description:
    'Permissions of the files that are written in folders, octal (0640); default 0600, for their owner alone. Folders get the matching ones.',
  helpGroup: 'GLOBAL',
  helpValue: '<octal>',
  async parse(text) {
    const digits = /^(?:0o?)?([0-7]{3})$/i.exec(text)?.[1]
    const mode = digits === undefined ? NaN : Number.parseInt(digits, 8)
    // A backup that its owner cannot read and write is none.
    if ((mode & 0o600) === 0o600) return mode
    throw new Error('Expected permissions in octal that let the owner read and write, such as 0640')
  },
})()

/** Flags that stand together in the help, under this heading. */
export function inGroup<Named extends Readonly<Record<string, object>>>(helpGroup: string, flags: Named): Named {
  return mapValues(flags, (flag) => ({...flag, helpGroup})) as Named
}

const connectionFlags = inGroup('CONNECTION', {
  'api-key': Flags.string({
    description: 'API key; better in WEAVIATE_API_KEY, where other users of the machine cannot see it.',
    helpValue: '<key>',
    noCacheDefault: true,
  }),
  'ca-file': Flags.string({
    description: 'PEM file with a certificate authority to trust (env ELYSIACTL_CA_FILE).',
    helpValue: '<path>',
  }),
  config: Flags.string({
    description: 'Settings file; default ~/.elysiactl/settings.yaml (env ELYSIACTL_CONFIG).',
    helpValue: '<path>',
  }),
  'discover-nodes': Flags.boolean({
    description:
      'List through every address that the host of --url resolves to, as a headless service has one for each node (env ELYSIACTL_DISCOVER_NODES).',
  }),
  'grpc-url': Flags.string({
    description:
      'gRPC address: host:port, URL, or a port of the host of --url; default: that host, port 50051 (env WEAVIATE_GRPC_URL).',
    helpValue: '<address>',
  }),
  header: Flags.string({
    description: 'Header sent with every call, "Name: value"; may be repeated (env ELYSIACTL_HEADERS).',
    ...HEADERS,
  }),
  node: Flags.string({
    description:
      'Another node of the cluster, URL or URL,gRPC address; may be repeated. Listings go through each, so that replicas that disagree are seen (env ELYSIACTL_NODES).',
    ...NODES,
  }),
  timeout: secondsFlag({description: 'Seconds that one request may take; default 60 (env ELYSIACTL_TIMEOUT).'}),
  transport: Flags.option({
    description:
      'How objects travel: auto takes gRPC where it answers, else REST, several times slower (env ELYSIACTL_TRANSPORT).',
    options: TRANSPORTS,
  })(),
  url: Flags.string({
    description: 'Address of Weaviate; default http://localhost:8080 (env WEAVIATE_URL).',
    helpValue: '<url>',
  }),
})

/** Flags of every command. */
export const globalFlags = {
  ...connectionFlags,
  progress: Flags.string({
    description: 'How progress is shown on stderr: a live line on a terminal, plain lines, or a JSON document a line.',
    helpGroup: 'GLOBAL',
    options: ['auto', 'plain', 'json'],
  }),
  quiet: Flags.boolean({
    char: 'q',
    description: 'No progress and no hints: stderr has warnings and errors only. The result is printed.',
    helpGroup: 'GLOBAL',
  }),
}

/** Where backups lie. The two names mean the same everywhere. */
export const outputFlag = Flags.string({
  aliases: ['backups'],
  char: 'o',
  charAliases: ['b'],
  description:
    'Folder of the backups, or s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix; default ./backups (env ELYSIACTL_BACKUPS).',
  helpValue: '<place>',
  // Without a value the base command puts in what the settings say: a command always finds one.
}) as Interfaces.OptionFlag<string>

export const backupArgument = Args.string({
  description:
    'Id (or the beginning of it), path or URL of a backup; latest, Article@latest, Article@2026-02-01 (UTC), of one of several servers Article@latest@prod.',
  ignoreStdin: true,
  required: true,
})

export const jobArgument = Args.string({description: 'Name of the job.', ignoreStdin: true, required: true})

export const collectionsArgument = Args.string({
  description: 'Collection, alias or pattern; several may be given.',
  ignoreStdin: true,
  multiple: true,
})

export const excludeFlag = Flags.string({
  description: 'Collection to leave out; * stands for any text; may be repeated.',
  helpValue: '<pattern>',
  ...REPEATED,
})

export const backupsArgument = Args.string({
  description:
    'Id (or the beginning of it), path or URL of a backup; latest, Article@latest, Article@2026-02-01 (UTC), of one of several servers Article@latest@prod; run:ID, or a pattern: the newest of each collection.',
  ignoreStdin: true,
  multiple: true,
  required: true,
})

/** What opens places and encrypted backups. */
export const openingFlags = {
  ...inGroup(ENCRYPTION, {
    identity: Flags.string({
      description: 'File with the age identity that opens encrypted backups (env ELYSIACTL_IDENTITY).',
      helpValue: '<path>',
    }),
    passphrase: Flags.boolean({description: 'Ask for the passphrase of encrypted backups (env ELYSIACTL_PASSPHRASE).'}),
  }),
  'unsafe-place': Flags.boolean({
    description:
      'Write to object storage that does not keep conditions of writes, too: safe for a single writer at a time only.',
    helpGroup: 'GLOBAL',
  }),
}

/** Where backups lie, and what opens them. */
export const placeFlags = {...openingFlags, output: outputFlag}

/** Whom backups are encrypted to. */
export const recipientFlags = inGroup(ENCRYPTION, {
  'encrypt-to': Flags.string({
    description: 'Encrypt to this age recipient (age1…); may be repeated. Settings: backups.recipients.',
    helpValue: '<recipient>',
    ...REPEATED,
  }),
  'recipients-file': Flags.string({
    description: 'Encrypt to the recipients in this file, one a line.',
    helpValue: '<path>',
  }),
})

export const encryptionFlags = {
  ...openingFlags,
  ...recipientFlags,
  ...inGroup(ENCRYPTION, {
    'hide-names': Flags.boolean({
      description: 'Encrypted backups show neither the name of the collection nor how many objects they hold.',
    }),
    passphrase: Flags.boolean({description: 'Ask for a passphrase and encrypt with it (env ELYSIACTL_PASSPHRASE).'}),
  }),
}

const LOCKS = 'LOCKS'

/** How long backups cannot be changed or removed. */
export const lockFlags = {
  'lock-for': durationFlag(
    'Nobody can change or remove the backup for that long (12h, 30d, 2w), in object storage that has locks of single objects.',
    {helpGroup: LOCKS},
  ),
  'lock-mode': Flags.option({
    description:
      'compliance (default): nobody at all can undo it; governance: who has a permission of its own for that.',
    helpGroup: LOCKS,
    options: ['compliance', 'governance'] as const,
  })(),
}

/** How the backup is written that is taken before something is replaced. */
export const saveFlags = {...recipientFlags, 'hide-names': encryptionFlags['hide-names']}

export const batchSizeFlag = Flags.integer({
  description:
    'Objects a page or batch at most; chosen by the size of the collection when not given (env ELYSIACTL_BATCH_SIZE).',
  helpValue: '<n>',
  min: 1,
})

export const workersFlag = Flags.integer({
  description:
    'Threads, each with a connection of its own; default: one for each core, at most 8; half of them where the server is on this machine, backups to JSON apart (env ELYSIACTL_WORKERS).',
  helpValue: '<n>',
  min: 1,
})

export const tenantFlag = Flags.string({
  description: 'Only this tenant, or those of a pattern (eu-*); old=new gives it another name; may be repeated.',
  helpValue: '<name>',
  ...REPEATED,
})

/** `more`: the end of its sentence, and what the command does without it. */
export const schemaFromFlag = (more: string) =>
  Flags.string({
    description: `For an export of the server's own, which has none: a backup, a file with the schema, or a live collection${more}`,
    helpValue: '<place>',
    ...REPEATED,
  })

export const oneTenantFlag = Flags.string({description: 'Only objects of this tenant.', helpValue: '<name>'})

export const differencesFlag = Flags.integer({
  description: 'Differences to list at most; default 20, with --json all.',
  helpValue: '<n>',
  min: 0,
})

export const fullFlag = Flags.boolean({description: 'Long values as a whole.'})

export const consistencyFlag = Flags.option({
  description: 'Replicas that must have taken each write; default QUORUM.',
  options: ['ONE', 'QUORUM', 'ALL'] as const,
})()

export const waitReplicasFlag = secondsFlag({
  description:
    "Seconds to wait at most until the server's own async replication has found all replicas equal, where one address is known.",
})

export const concurrencyFlag = Flags.integer({
  description: 'Requests in flight at most; default 4.',
  helpGroup: RETRY,
  helpValue: '<n>',
  min: 1,
})

export const maxRateFlag = Flags.custom<RateLimit>({
  description: 'Objects a second (500) or bytes a second (20MB) at most, to spare a production cluster.',
  helpGroup: RETRY,
  helpValue: '<rate>',
  parse: async (text) => parseRate(text),
})()

export const retryFlags = inGroup(RETRY, {
  'max-retries': Flags.integer({
    description: 'Attempts after the first, when the server cannot answer; default 8.',
    helpValue: '<n>',
    min: 0,
  }),
  'retry-max-wait': secondsFlag({description: 'Seconds between two attempts at most; default 30.'}),
})

export function retryOptions(flags: Partial<Interfaces.InferredFlags<typeof retryFlags>>): RetryOptions {
  return {maxRetries: flags['max-retries'], retryMaxWaitMs: milliseconds(flags['retry-max-wait'])}
}

export function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000
}

/** What flags say of a server. */
export function serverValues(flags: Partial<Interfaces.InferredFlags<typeof globalFlags>>): SettingValues {
  return {
    apiKey: flags['api-key'],
    caFile: flags['ca-file'],
    discoverNodes: flags['discover-nodes'],
    grpcUrl: flags['grpc-url'],
    headers: flags.header && parseHeaders(flags.header),
    nodes: flags.node,
    timeoutMs: milliseconds(flags.timeout),
    transport: flags.transport,
    url: flags.url,
  }
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  gb: 1e9,
  gib: 2 ** 30,
  kb: 1e3,
  kib: 2 ** 10,
  mb: 1e6,
  mib: 2 ** 20,
}

/** `500`, `500/s`: objects; `20MB`, `1.5MiB/s`: bytes. @throws Error. */
export function parseRate(text: string): RateLimit {
  const match = /^(\d+(?:\.\d+)?)\s*(b|[kmg]i?b)?(?:\/s)?$/i.exec(text.trim())
  const amount = Number(match?.[1])
  if (!match || amount <= 0) throw new Error('Expected objects a second (500) or bytes a second (20MB)')
  const unit = match[2]?.toLowerCase()
  return unit === undefined ? {objectsPerSecond: amount} : {bytesPerSecond: amount * BYTE_UNITS[unit]!}
}

/** `path=value` texts; a value that is JSON is taken as such, any other as text. @throws DataOpsError INVALID_INPUT. */
export function parseOverrides(texts: readonly string[]): Record<string, JsonValue> {
  const overrides: Record<string, JsonValue> = {}
  for (const text of texts) {
    const equals = text.indexOf('=')
    const path = text.slice(0, Math.max(equals, 0)).trim()
    if (path === '' || path.split('.').some((key) => key === '' || key === '__proto__'))
      throw new DataOpsError('INVALID_INPUT', `--set ${text} is not of the form path=value.`, {
        hint: 'For example --set replicationConfig.factor=1.',
      })
    const value = jsonOrText(text.slice(equals + 1))
    if (Object.hasOwn(overrides, path) && JSON.stringify(overrides[path]) !== JSON.stringify(value))
      throw new DataOpsError('INVALID_INPUT', `--set gives "${path}" two values.`)
    overrides[path] = value
  }

  return overrides
}

function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return text
  }
}
