/** Examples of a command for its help, from what is typed behind its name and what that does. */
export function examples(
  ...typed: ReadonlyArray<[words: string, description: string]>
): Array<{command: string; description: string}> {
  return typed.map(([words, description]) => ({
    command: `<%= config.bin %> <%= command.id %> ${words}`.trimEnd(),
    description,
  }))
}
