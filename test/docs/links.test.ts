import {existsSync, globSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {anchors, relativeLinks, slug, withLinks} from '../../docs/.vitepress/links.js'

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
