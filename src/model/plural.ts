/** Counts as sentences say them. Pure. */

/** `1,234,567` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** `1 object`, `1,234 objects`; `1 object has`, `2 objects have` where `plurals` is given. */
export function plural(count: number, noun: string, plurals = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plurals}`
}
