/** What somebody who typed a flag that is not there may have meant: other tools', and other commands', names of it. Pure. */
import {nearest} from '../model/nearest.js'

/** What oclif knows of a command. */
export interface KnownCommand {
  args?: Record<string, unknown>
  flags?: Record<string, unknown>
  id: string
  pluginName?: string
  usage?: string | string[]
}

/** The command that was typed, among all that there are. */
export interface TypedCommand {
  config: {bin: string; commands: readonly KnownCommand[]}
  /** Long names of its flags. */
  flagNames: readonly string[]
  /** `col:backup` */
  id: string
}

export interface TypedFlag {
  /** Without dashes. */
  name: string
  value?: string
}

/** Names under which the first flag is meant that the command has. */
const SYNONYMS: ReadonlyArray<readonly [names: string, flags: readonly string[]]> = [
  ['Z compression gzip zip', ['compress']],
  ['F fmt type', ['format']],
  ['T exclude-collection exclude-table ignore skip', ['exclude']],
  ['W api-token apikey bearer key password token', ['api-key']],
  ['a data-only', ['merge']],
  ['address d dbname endpoint host p port server weaviate-url', ['url']],
  ['archive backup snapshot', ['against']],
  ['as into new-name rename-to target', ['name']],
  ['assume-yes f force no-confirm non-interactive y yes', ['force', 'merge']],
  ['c clean drop-existing if-exists overwrite recreate', ['replace', 'merge']],
  ['check validate', ['verify']],
  ['class classes collections include t table tables', ['collection']],
  ['continue', ['resume']],
  ['dest destination', ['to', 'to-url', 'output']],
  ['dest-url destination-url target-url to to-host to-server', ['to-url', 'name']],
  ['directory dir f file folder out outdir path place r repo repository storage', ['output']],
  ['dryrun n no-act simulate what-if', ['dry-run']],
  ['encrypt public-key recipient recipients', ['encrypt-to']],
  ['fast', ['quick']],
  ['filter query', ['where']],
  ['identity-file key-file password-file private-key', ['identity']],
  ['j jobs parallel processes threads', ['workers', 'concurrency']],
  ['keep keep-hourly', ['keep-last']],
  ['keep-yearly', ['keep-monthly']],
  ['limit n rows top', ['count', 'differences', 'limit']],
  ['limit-download limit-upload rate rate-limit throttle', ['max-rate']],
  ['mt-tenant namespace', ['tenant']],
  ['retries retry', ['max-retries']],
  ['s schema schema-only', ['schema-only', 'skip-data']],
]

/** Names under which an argument is meant. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  b: 'against to with',
  backup: 'archive backup f file from i id input path snapshot',
  collection: 'class collection name',
  job: 'id job run',
  name: 'c class classes collection collections include n name t table',
  source: 'class collection from source table',
  sql: 'c e execute q query sql where',
  target: 'as into name new-name rename-to target to',
  uuid: 'id object uuid',
}

/** What no command has a flag for. */
const SENTENCES: Readonly<Record<string, string>> = {
  V: 'The version: BIN --version.',
  debug: 'What is done is told with DEBUG=elysia:* in the environment.',
  h: 'The flags: COMMAND --help.',
  incremental: 'Each backup is whole; an interrupted one is gone on with by col backup --resume.',
  prune: 'Old backups are removed by backup prune.',
  'read-data': 'All is read without a flag.',
  v: 'What is done is told with DEBUG=elysia:* in the environment.',
  verify: 'A backup is proven by backup verify.',
  verbose: 'What is done is told with DEBUG=elysia:* in the environment.',
  version: 'The version: BIN --version.',
}

/** A sentence or two, or undefined where nothing is known. */
export function meantByFlag(typed: TypedFlag, {config, flagNames, id}: TypedCommand): string | undefined {
  const {bin, commands} = config
  const {name} = typed
  const own = commands.find((command) => command.id === id)
  const line = `${bin} ${id.replaceAll(':', ' ')}`
  const seeHelp = `See ${line} --help.`
  const argument = own && argumentOf(own, typed)
  if (own && argument !== undefined) {
    const [usage = `<%= command.id %> ${argument}`] = [own.usage ?? []].flat()
    return `${argument} is an argument: ${usage.replace('<%= command.id %>', () => line)}`
  }

  const known =
    SYNONYMS.filter(([names]) => names.split(' ').includes(name))
      .flatMap(([, flags]) => flags)
      .find((each) => flagNames.includes(each)) ?? nearest(name, flagNames)
  if (known !== undefined) return `Did you mean --${known}? ${seeHelp}`
  const sentence = Object.hasOwn(SENTENCES, name) ? SENTENCES[name] : undefined
  if (sentence !== undefined) return sentence.replace('BIN', () => bin).replace('COMMAND', () => line)
  if (name === 'all' && own?.args && 'backup' in own.args)
    return `Name them: a folder's are taken by a pattern such as 'backups/*'. ${seeHelp}`
  const others = commands.filter(
    ({flags, pluginName}) => pluginName === own?.pluginName && Object.keys(flags ?? {}).includes(name),
  )
  if (others.length === 0) return undefined
  // Those of the same topic first.
  const topic = id.split(':', 1)[0]
  const like = others.toSorted((a, b) => rank(a.id, topic) - rank(b.id, topic)).slice(0, 2)
  return `It is a flag of ${like.map((other) => other.id.replaceAll(':', ' ')).join(' and ')}. ${seeHelp}`
}

/** The name of the argument that was meant, as usage lines write it. */
function argumentOf({args = {}}: KnownCommand, {name, value}: TypedFlag): string | undefined {
  const isUrl = value?.includes('://') ?? false
  const found = Object.keys(args).findLast((argument) => ARGUMENTS[argument]?.split(' ').includes(name))
  return found === undefined || (isUrl && found === 'target') ? undefined : found.toUpperCase()
}

function rank(id: string, topic: string | undefined): number {
  return (id.split(':', 1)[0] === topic ? 0 : 2) + (id.startsWith('job') ? 1 : 0)
}
