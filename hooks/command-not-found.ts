/** What oclif's hook is called with. */
interface Context {
  config: {bin: string; commandIDs: readonly string[]; root: string}
  id: string
}

/** The name of this package's own program. */
const OWN = 'elysia-data-ops'

/**
 * A mistyped `col …` or `backup …`, and in this package's own program any word: says which command is near.
 * oclif takes a hook that returns for one that has dealt with it, and would end with 0: of a host's other words the error is oclif's own.
 */
export default async function commandNotFound({config, id}: Context): Promise<void> {
  const [{Errors}, {nearest}] = await Promise.all([import('@oclif/core'), import('../src/model/nearest.js')])
  const {bin, commandIDs} = config
  const [topic = '', name = ''] = id.split(':', 2)
  const isTopic = topic === 'col' || topic === 'backup'
  if (!isTopic && bin !== OWN) throw new Errors.CLIError(`command ${id} not found`, {exit: 2})
  const wanted = isTopic ? name : topic
  const candidates = isTopic ? commandIDs.filter((command) => command.startsWith(`${topic}:`)) : commandIDs
  const lastWord = (command: string): string => command.split(':').at(-1) ?? command
  const near = nearest(
    wanted,
    candidates.map((command) => lastWord(command)),
  )
  const like = candidates.filter((command) => lastWord(command) === near)
  // "restore" is that of `col`, not that of `job create`.
  const fewest = Math.min(...like.map((command) => command.split(':').length))
  const meant = like.filter((command) => command.split(':').length === fewest)
  const typed = (commands: readonly string[], separator: string): string =>
    commands.map((command) => `${bin} ${command.replaceAll(':', ' ')}`).join(separator)
  // What stands behind, oclif takes for words of the command too.
  const typedWords = (isTopic && name !== '' ? [topic, name] : [topic]).join(' ')
  const suggestion =
    meant.length > 0 ? `Did you mean: ${typed(meant, ' or ')}?` : `There are: ${typed(candidates, ', ')}.`
  throw new Errors.CLIError(`There is no command "${typedWords}".`, {exit: 2, suggestions: [suggestion]})
}
