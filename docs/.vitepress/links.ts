/** Relative links of Markdown: found outside code, and the headings that they may name. */

/** Code first, so that what looks like a link in it is none. */
const CODE_OR_LINK = /(?<ticks>`+)[\s\S]*?\k<ticks>(?!`)|\]\((?<target>[^)\s]+)\)/g

const isRelative = (target: string) => !/^[a-z][\d+.a-z-]*:/i.test(target)

/** Targets of the relative links in a text: paths, with or without `#heading`. */
export function relativeLinks(markdown: string): string[] {
  return [...markdown.matchAll(CODE_OR_LINK)]
    .map(({groups}) => groups?.target)
    .filter((target) => target !== undefined && isRelative(target)) as string[]
}

/** The text with the target of each relative link changed. */
export function withLinks(markdown: string, change: (target: string) => string): string {
  return markdown.replaceAll(CODE_OR_LINK, (found: string, _ticks: unknown, target: string | undefined) =>
    target !== undefined && isRelative(target) ? `](${change(target)})` : found,
  )
}

/** A heading's anchor, as GitHub makes it; the site makes the same, so that a link works in both. */
export function slug(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-')
}

/** Anchors of the headings in a text; a heading that comes again gets a number. */
export function anchors(markdown: string): Set<string> {
  const found = new Set<string>()
  const text = markdown.replaceAll(/^```[\s\S]*?^```/gm, '')
  for (const [, heading] of text.matchAll(/^#{1,6} +(.+)$/gm)) {
    const base = slug(heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'))
    let anchor = base
    for (let again = 1; found.has(anchor); again++) anchor = `${base}-${again}`
    found.add(anchor)
  }

  return found
}
