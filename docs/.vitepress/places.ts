/** Where the files of the repository are in the site. */

const BESIDE = new Map([
  ['CHANGELOG.md', 'changelog.md'],
  ['CONTRIBUTING.md', 'contributing.md'],
  ['README.md', 'index.md'],
  ['SECURITY.md', 'security.md'],
])

/** Files beside `docs/` that are pages too. */
export const FILES_BESIDE: readonly string[] = [...BESIDE.keys()]

/** Folders that get a page which lists theirs, by their titles. */
export const FOLDERS: ReadonlyMap<string, string> = new Map([
  ['docs/adr', 'Decisions, and why'],
  ['docs/guides', 'Guides'],
])

/** Of a page, or of a folder that has one; undefined for everything else. */
export function placeOf(file: string): string | undefined {
  if (FOLDERS.has(file)) return `${file.slice('docs/'.length)}/index.md`
  return BESIDE.get(file) ?? (/^docs\/.+\.(?:md|png|svg)$/.test(file) ? file.slice('docs/'.length) : undefined)
}
