/** What oclif's hook is called with. */
interface Context {
  config: {bin: string; commandIDs: readonly string[]; root: string}
  id: string
}

/** A mistyped `col …` or `backup …`: says which command is near. Other words are none of this plugin's business in a host. */
export default async function commandNotFound({config, id}: Context): Promise<void> {
  const [topic = '', name = ''] = id.split(':', 2)
  if (topic !== 'col' && topic !== 'backup') return
  const [{Errors}, {nearest}] = await Promise.all([import('@oclif/core'), import('../src/model/nearest.js')])
  const there = config.commandIDs
    .filter((command) => command.startsWith(`${topic}:`))
    .map((command) => command.slice(topic.length + 1))
  const near = nearest(name, there)
  const suggestion = near
    ? `Did you mean: ${config.bin} ${topic} ${near}?`
    : `There are: ${there.map((command) => `${config.bin} ${topic} ${command}`).join(', ')}.`
  throw new Errors.CLIError(`There is no command "${topic} ${name}".`, {exit: 2, suggestions: [suggestion]})
}
