/** The recording that README opens with: a picture that needs nothing, of commands that there are; and the terminal that it is drawn from. */
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {root} from '../support/root.js'

interface State {
  from: number
  kind: string
  row: number
  text: string
  to?: number
}

const {Screen, svgOf} = (await import(new URL('../../scripts/terminal-svg.mjs', import.meta.url).href)) as {
  Screen: new (columns: number) => {states: State[]; write: (text: string, at: number, kind?: string) => void}
  svgOf: (states: State[], options: {columns: number; height: number; seconds: number; title: string}) => string
}

describe('docs/images/recording.svg', () => {
  const svg = readFileSync(path.join(root, 'docs/images/recording.svg'), 'utf8')

  it('opens README, is small, and has neither scripts nor addresses', () => {
    expect(/!\[[^\]]{40,}\]\(([^)]+)\)/.exec(readFileSync(path.join(root, 'README.md'), 'utf8'))?.[1]).toBe(
      'docs/images/recording.svg',
    )
    expect(svg.length).toBeLessThan(50_000)
    expect(svg).not.toMatch(/<script|<foreignObject|\bon\w+=|href|@import|url\(/i)
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toContain('://')
    for (const feature of ['prefers-color-scheme:dark', 'prefers-reduced-motion:reduce', 'aria-label="'])
      expect(svg).toContain(feature)
  })

  it('shows commands that there are, up to the proof', () => {
    const {commands} = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, unknown>
    }
    const shown = [...svg.matchAll(/class="[^"]*command end"[^>]*>\$ elysia-data-ops (\w+) (\w+)/g)]
    expect(shown.map(([, topic, name]) => `${topic}:${name}`)).toEqual([
      'col:backup',
      'backup:query',
      'col:clear',
      'col:restore',
    ])
    for (const [, topic, name] of shown) expect(commands).toHaveProperty([`${topic}:${name}`])
    expect(svg).toMatch(/class="t\d+ end"[^>]*>Movie equals backup /)
  })
})

describe('the terminal that it is drawn from', () => {
  it('keeps each state of a line for as long as it was seen', () => {
    const screen = new Screen(10)
    screen.write('\r\u{1B}[2K⠋ half', 1)
    screen.write('\r\u{1B}[2K✔ whole\n', 2)
    screen.write('name: ', 3)
    screen.write('\u{1B}[1G\u{1B}[0Jname: B', 4)
    expect(screen.states).toEqual([
      {from: 1, kind: '', row: 0, text: '⠋ half', to: 2},
      {from: 2, kind: '', row: 0, text: '✔ whole'},
      {from: 3, kind: '', row: 1, text: 'name:', to: 4},
      {from: 4, kind: '', row: 1, text: 'name: B'},
    ])
  })

  it('wraps what is longer than a line, and stops at what it does not know', () => {
    const screen = new Screen(4)
    screen.write('abcdef', 0)
    expect(screen.states.map(({row, text}) => [row, text])).toEqual([
      [0, 'abcd'],
      [1, 'ef'],
    ])
    expect(() => {
      screen.write('\u{1B}[3X', 1)
    }).toThrow('does not know ESC [ 3X')
  })

  it('scrolls when a line is below the last that fits, and escapes what SVG would take for its own', () => {
    const states = ['a <b> & "c"', 'b', 'c'].map((text, row) => ({from: row, kind: '', row, text}))
    const svg = svgOf(states, {columns: 20, height: 2, seconds: 10, title: 'T'})
    expect(svg).toContain('>a &lt;b&gt; &amp; &quot;c&quot;</text>')
    expect(svg).toContain('@keyframes scroll{0%{transform:translateY(0px)}20%{transform:translateY(-20px)}}')
    expect(svg).toContain('.scroll{animation:none;transform:translateY(-20px)}')
  })
})
