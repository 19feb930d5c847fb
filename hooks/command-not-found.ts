/** What oclif's hook is called with. */
interface Context {
  /** What stands behind the words of `id`. */
  argv?: readonly string[]
  config: {bin: string; commandIDs: readonly string[]; root: string}
  id: string
}

/** The name of this package's own program. */
const OWN = 'elysia-data-ops'
const TOPICS: ReadonlySet<string> = new Set(['backup', 'col', 'job'])

/**
 * A mistyped `col …`, `backup …` or `job …`, and in this package's own program any word: says which command is near.
 * oclif takes a hook that returns for one that has dealt with it, and would end with 0: of a host's other words the error is oclif's own.
 */
export default async function commandNotFound({argv = [], config, id}: Context): Promise<void> {
  const [{Errors}, {nearest}] = await Promise.all([import('@oclif/core'), import('../src/model/nearest.js')])
  const {bin, commandIDs} = config
  if (!TOPICS.has(id.split(':', 1)[0]!) && bin !== OWN) throw new Errors.CLIError(`command ${id} not found`, {exit: 2})
  const refusal = (message: string, suggestion: string): Error => {
    say(message, suggestion, [id, ...argv].includes('--json'))
    const refused = new Errors.CLIError(message, {exit: 2, suggestions: [suggestion]})
    // Said as our commands say theirs; oclif still sets the exit code.
    refused.skipOclifErrorHandling = true
    return refused
  }

  const typed = (commands: readonly string[], separator = ''): string =>
    commands.map((command) => `${bin} ${command.replaceAll(':', ' ')}`).join(separator)
  if (id.startsWith('-'))
    throw refusal(`${id} stands where a command is needed.`, `Flags come behind it: ${bin} backup list ${id}`)

  // What stands behind a command that takes nothing, oclif takes for words of it.
  const whole = commandIDs.find((command) => id.startsWith(`${command}:`))
  if (whole !== undefined)
    throw refusal(`There is an argument too many (${id.slice(whole.length + 1)}).`, `See ${typed([whole])} --help.`)

  const topic = topicOf(id, commandIDs)
  // And behind a mistyped one.
  const [wanted = ''] = id.slice(topic.length).split(':', 1)
  const candidates = commandIDs.filter((command) => command.startsWith(topic))
  const lastWord = (command: string): string => command.split(':').at(-1) ?? command
  const near = nearest(
    wanted,
    candidates.map((command) => lastWord(command)),
  )
  const like = candidates.filter((command) => lastWord(command) === near)
  // "restore" is that of `col`, not that of `job create`.
  const fewest = Math.min(...like.map((command) => command.split(':').length))
  const meant = like.filter((command) => command.split(':').length === fewest)
  const suggestion =
    meant.length > 0 ? `Did you mean: ${typed(meant, ' or ')}?` : `There are: ${typed(candidates, ', ')}.`
  throw refusal(`There is no command "${`${topic}${wanted}`.replaceAll(':', ' ').trim()}".`, suggestion)
}

/** As a command does: for a person, or as the one JSON document that a program was promised. */
function say(message: string, hint: string, isJson: boolean): void {
  const error = {code: 'INVALID_INPUT', details: {}, exitCode: 2, hint, message}
  if (isJson) process.stdout.write(`${JSON.stringify({error}, undefined, 2)}\n`)
  else process.stderr.write(`Error: ${message}\n${hint}\n`)
}

/** The words with which commands begin, each with its colon: `job:create:` of `job:create:bakcup`. */
function topicOf(id: string, commandIDs: readonly string[]): string {
  const words = id.split(':')
  const topics = words.map((_, at) => `${words.slice(0, at + 1).join(':')}:`)
  return topics.findLast((topic) => commandIDs.some((command) => command.startsWith(topic))) ?? ''
}
