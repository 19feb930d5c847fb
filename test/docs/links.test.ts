import {existsSync, globSync, readFileSync, statSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {anchors, relativeLinks, slug, withLinks} from '../../docs/.vitepress/links.js'
import {FILES_BESIDE, FOLDERS, placeOf} from '../../docs/.vitepress/places.js'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
const files = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md', {cwd: root})]

/** What is wrong with a link; undefined where it leads somewhere. */
function fault(file: string, target: string): string | undefined {
  const [to = '', heading] = target.split('#', 2)
  const linked = to === '' ? file : path.join(path.dirname(file), to)
  if (!existsSync(path.join(root, linked))) return `${file}: ${target}: no such file`
  if (heading !== undefined && !anchors(read(linked)).has(heading)) return `${file}: ${target}: no such heading`
}

describe('links between the documents', () => {
  it('lead to files and headings that are there', () => {
    const links = files.flatMap((file) => relativeLinks(read(file)).map((target) => ({file, target})))
    expect(links.length).toBeGreaterThan(70)
    expect(links.map(({file, target}) => fault(file, target)).filter((found) => found !== undefined)).toEqual([])
  })

  it('lead to a page of the site wherever they lead to one of the repository', () => {
    const linked = files.flatMap((file) =>
      relativeLinks(read(file)).map((target) => path.posix.join(path.dirname(file), target.split('#', 1)[0]!)),
    )
    const inDocs = linked.map((file) => file.replace(/\/$/, '')).filter((file) => file.startsWith('docs/'))
    expect(inDocs).toContain('docs/guides')
    const without = inDocs.filter(
      (file) => placeOf(file) === undefined || statSync(path.join(root, file)).isDirectory(),
    )
    expect([...new Set(without)].toSorted()).toEqual([...FOLDERS.keys()].toSorted())
    for (const file of FILES_BESIDE) expect(placeOf(file)).toMatch(/^[a-z]+\.md$/)
    expect(placeOf('docs/guides')).toBe('guides/index.md')
    expect(placeOf('docs/.vitepress')).toBeUndefined()
    expect(placeOf('src/index.ts')).toBeUndefined()
  })

  it('are missed when they lead nowhere', () => {
    expect(fault('docs/sdk.md', 'cli.md#exit-codes')).toBeUndefined()
    expect(fault('docs/sdk.md', 'docs/cli.md')).toContain('no such file')
    expect(fault('docs/sdk.md', 'cli.md#exit-code')).toContain('no such heading')
    expect(fault('docs/sdk.md', '#no-such')).toContain('no such heading')
  })

  it('are told from code and from addresses', () => {
    const text = 'a [`x`](a.md) `[b](b.md)` [c](https://c.example)\n```js\n[d](d.md)\n```\n![e](e.png) [f](../f.md#g)'
    expect(relativeLinks(text)).toEqual(['a.md', 'e.png', '../f.md#g'])
    expect(withLinks(text, (target) => `/${target}`)).toBe(
      'a [`x`](/a.md) `[b](b.md)` [c](https://c.example)\n```js\n[d](d.md)\n```\n![e](/e.png) [f](/../f.md#g)',
    )
  })

  it('name headings as GitHub does', () => {
    expect(slug('`--progress json`')).toBe('--progress-json')
    expect(slug('While others write, and while other jobs run')).toBe('while-others-write-and-while-other-jobs-run')
    expect([...anchors('# A b\n```\n# no heading\n```\n## A b\n')]).toEqual(['a-b', 'a-b-1'])
  })
})
