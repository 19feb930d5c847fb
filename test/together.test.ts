/** Files of tests share a process: each begins with what is usual there, or has a process of its own. */
import {readdir, readFile} from 'node:fs/promises'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {ALONE} from '../vitest.config.js'
import {root} from './support/root.js'

const names = (await readdir(path.join(root, 'test'), {recursive: true})).filter((name) => name.endsWith('.ts'))
const files = await Promise.all(
  names.map(async (name) => ({
    name: path.posix.join('test', ...name.split(path.sep)),
    text: await readFile(path.join(root, 'test', name), 'utf8'),
  })),
)

describe('files that share a process', () => {
  it('change no setting of src but those that are put back before the next', async () => {
    const putBack = await readFile(path.join(root, 'test', 'support', 'usual.ts'), 'utf8')
    const changed = new Set<string>()
    for (const {name, text} of files) {
      if (ALONE.includes(name)) continue
      for (const [, setting] of text.matchAll(/^\s*([A-Z]\w*[A-Z_])\.\w+ = /gm)) changed.add(setting!)
    }

    // `bundledWorker` deletes it: usually there is none.
    changed.delete('ENTRY')
    expect(changed.size).toBeGreaterThan(5)
    expect([...changed].filter((setting) => !putBack.includes(`  ${setting},`))).toEqual([])
  })

  it('replace no modules, and leave the process as it is', () => {
    const others = files.filter(({name}) => name.endsWith('.test.ts') && !ALONE.includes(name))
    const change = /^\s*(?:vi\.(?:doMock|hoisted|mock)|process\.(?:chdir|on|umask))\(/m
    expect(others.filter(({text}) => change.test(text)).map(({name}) => name)).toEqual([])
  })

  it('are there, where one is named that has a process of its own', () => {
    const there = new Set(files.map(({name}) => name))
    expect(ALONE.filter((name) => !there.has(name))).toEqual([])
  })
})
