/** What is said to a Node that is too old for what follows; undefined to every other. Both are versions, `22.18.0`. */
export function oldNode(version: string, needed: string): string | undefined {
  const [have, want] = [version, needed].map((text) => text.split('.').map(Number)) as [number[], number[]]
  const at = want.findIndex((part, index) => part !== (have[index] ?? 0))
  if (at === -1 || want[at]! < (have[at] ?? 0)) return undefined
  return `Error: this needs Node ${needed} or later, and runs on ${version}. Install a newer Node, and run the command again.`
}
