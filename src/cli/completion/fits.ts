/** What fits where a person is typing: by the commands and flags that there are. Pure. */

export interface FlagShape {
  allowNo?: boolean
  char?: string
  hidden?: boolean
  multiple?: boolean
  name: string
  options?: readonly string[]
  type: 'boolean' | 'option'
}

export interface CommandShape {
  args: Record<string, {hidden?: boolean; multiple?: boolean; name: string}>
  flags: Record<string, FlagShape>
  hidden?: boolean
  /** Parts with `:` between. */
  id: string
}

/** Words; or what only the server, the place of the backups or the disk knows. */
export interface Fitting {
  kind: 'backups' | 'collections' | 'files' | 'words'
  /** What stands before each: `--against=`. */
  prefix: string
  words: string[]
}

/** Flags whose values are names, beside arguments. */
const FLAG_KINDS: Readonly<Record<string, Fitting['kind']>> = {
  against: 'backups',
  exclude: 'collections',
  'schema-from': 'backups',
}

const FILES: Fitting = {kind: 'files', prefix: '', words: []}

/** @param typed the words behind the name of the program; the last one is being typed, and may be empty */
export function whatFits(typed: readonly string[], commands: readonly CommandShape[]): Fitting {
  const shown = commands.filter(({hidden}) => !hidden)
  const current = typed.at(-1) ?? ''
  const before = typed.slice(0, -1)
  const command = commandOf(before, shown)
  if (!command) return ofWords(nextWords(before, shown), current)
  const {positionals, used, waiting} = look(before.slice(command.id.split(':').length), command)
  if (waiting) return valuesOf(waiting, current)
  const [, name, value] = /^(--[^=]+)=(.*)$/.exec(current) ?? []
  const flag = name === undefined ? undefined : flagOf(command, name)
  if (flag && value !== undefined) return {...valuesOf(flag, value), prefix: `${name}=`}
  if (current.startsWith('-')) return ofWords(flagWords(command, used), current)
  const args = Object.values(command.args)
  const last = args.at(-1)
  const arg = args[positionals] ?? (last?.multiple ? last : undefined)
  return arg ? {kind: kindOf(command.id, arg.name), prefix: '', words: []} : FILES
}

/** The command with the most words. */
function commandOf(words: readonly string[], commands: readonly CommandShape[]): CommandShape | undefined {
  const parts = (id: string): string[] => id.split(':')
  return commands
    .filter(({id}) => parts(id).every((part, at) => words[at] === part))
    .toSorted((a, b) => parts(b.id).length - parts(a.id).length)[0]
}

function nextWords(words: readonly string[], commands: readonly CommandShape[]): string[] {
  const next = commands
    .map(({id}) => id.split(':'))
    .filter((parts) => parts.length > words.length && words.every((word, at) => parts[at] === word))
    .map((parts) => parts[words.length] ?? '')
  return [...new Set(next)].toSorted()
}

function ofWords(words: readonly string[], current: string): Fitting {
  return {kind: 'words', prefix: '', words: words.filter((word) => word.startsWith(current))}
}

interface Looked {
  positionals: number
  used: Set<string>
  /** A flag whose value comes next. */
  waiting?: FlagShape
}

function look(words: readonly string[], command: CommandShape): Looked {
  const looked: Looked = {positionals: 0, used: new Set()}
  for (const word of words) {
    if (looked.waiting) looked.waiting = undefined
    else if (word.startsWith('-')) {
      const flag = flagOf(command, word.replace(/=.*$/, ''))
      if (flag) looked.used.add(flag.name)
      if (flag?.type === 'option' && !word.includes('=')) looked.waiting = flag
    } else looked.positionals++
  }

  return looked
}

function flagOf({flags}: CommandShape, word: string): FlagShape | undefined {
  return Object.values(flags).find(({allowNo = false, char, name}) =>
    [`-${char}`, `--${name}`, ...(allowNo ? [`--no-${name}`] : [])].includes(word),
  )
}

function flagWords({flags}: CommandShape, used: ReadonlySet<string>): string[] {
  return Object.values(flags)
    .filter(({hidden, multiple, name}) => !hidden && (multiple === true || !used.has(name)))
    .flatMap(({allowNo, name}) => (allowNo ? [`--${name}`, `--no-${name}`] : [`--${name}`]))
    .toSorted()
}

function valuesOf({name, options}: FlagShape, current: string): Fitting {
  if (options) return ofWords(options, current)
  const kind = FLAG_KINDS[name]
  return kind ? {kind, prefix: '', words: []} : FILES
}

function kindOf(id: string, name: string): Fitting['kind'] {
  if (name === 'backup') return 'backups'
  if (['collection', 'name', 'source'].includes(name)) return 'collections'
  if (name === 'a' || name === 'b') return id.startsWith('backup:') ? 'backups' : 'collections'
  return 'files'
}

/** Of what was typed, the flags that say which server, place and keys are meant, with their values. */
export function settingsTyped(
  typed: readonly string[],
  flags: Readonly<Record<string, Omit<FlagShape, 'name'>>>,
): string[] {
  const named = Object.entries(flags).map(([name, flag]) => [name, {...flag, name}])
  const command: CommandShape = {args: {}, flags: Object.fromEntries(named) as CommandShape['flags'], id: ''}
  const taken: string[] = []
  for (const [index, word] of typed.entries()) {
    const flag = word.startsWith('-') ? flagOf(command, word.replace(/=.*$/, '')) : undefined
    if (!flag) continue
    const value = typed[index + 1]
    if (flag.type === 'boolean' || word.includes('=')) taken.push(word)
    // The last word is not there yet.
    else if (value !== undefined && index + 2 < typed.length) taken.push(word, value)
  }

  return taken
}
