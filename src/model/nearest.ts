/** "Did you mean …?" */

/** The name that is at most two edits away (of short names one, or two letters that changed places), or that this is the beginning of. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  if (name.length < 3) return undefined
  const scored = names
    .map((candidate) => ({candidate, edits: candidate.startsWith(name) ? 0 : distance(name, candidate)}))
    .toSorted((a, b) => a.edits - b.edits)
  const [best] = scored
  if (!best) return undefined
  const isShort = name.length < 6 && letters(name) !== letters(best.candidate)
  return best.edits <= (isShort ? 1 : 2) ? best.candidate : undefined
}

function letters(name: string): string {
  return [...name].sort().join('')
}

/** At most three names that a mistyped one may stand for, the nearest first: the same in another case, its beginning, or at most two edits away. */
export function nearestNames(name: string, names: readonly string[]): string[] {
  const wanted = name.toLowerCase()
  return names
    .map((candidate) => {
      const other = candidate.toLowerCase()
      const isLonger = wanted.length >= 3 && other.startsWith(wanted)
      return {candidate, edits: isLonger ? Math.min(2, other.length - wanted.length) : distance(wanted, other)}
    })
    .filter(({candidate, edits}) => edits <= Math.min(2, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({candidate}) => candidate)
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let previous = Array.from({length: b.length + 1}, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1))
    }

    previous = current
  }

  return previous[b.length]!
}
