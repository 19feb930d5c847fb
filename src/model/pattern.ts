/** Patterns of names, in which `*` stands for any text. */

export function isPattern(text: string): boolean {
  return text.includes('*')
}

/** Whether the whole name is of that form. */
export function matchesPattern(name: string, pattern: string, options: {ignoreCase?: boolean} = {}): boolean {
  const source = pattern
    .split('*')
    .map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join('.*')
  return new RegExp(`^${source}$`, options.ignoreCase ? 'is' : 's').test(name)
}
