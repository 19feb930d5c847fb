/** docs/errors.md has each code, with its exit code, what it means and what to do; and no other. */
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {EXIT_CODES} from '../../src/model/errors.js'
import {root} from '../support/root.js'

const page = readFileSync(path.join(root, 'docs', 'errors.md'), 'utf8')
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
)

describe('the catalogue of errors', () => {
  it('has the codes that there are', () => {
    expect([...sections.keys()].toSorted()).toEqual(Object.keys(EXIT_CODES).toSorted())
  })

  it.each(Object.entries(EXIT_CODES))('says of %s what it means, and what to do', (code, exitCode) => {
    const section = sections.get(code) ?? ''
    expect(/^Exit code (\d+)\. /m.exec(section)?.[1]).toBe(String(exitCode))
    expect(/^Exit code \d+\. (.+)$/m.exec(section)?.[1]?.length).toBeGreaterThan(40)
    expect(/^What to do: (.+)$/m.exec(section)?.[1]?.length).toBeGreaterThan(25)
  })

  it('names flags that there are', () => {
    const {commands} = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, {flags: Record<string, unknown>}>
    }
    const flags = new Set(Object.values(commands).flatMap((command) => Object.keys(command.flags)))
    const named = [...page.matchAll(/--([a-z][a-z-]+)/g)].map((match) => match[1]!).filter((name) => name !== 'help')
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((name) => !flags.has(name))).toEqual([])
  })
})
