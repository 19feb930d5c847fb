import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {oldNode} from '../../src/cli/node-version.js'
import {root} from './run-cli.js'

const OLD = process.env.OLD_NODE ?? '/usr/bin/node'
const version = existsSync(OLD) ? spawnSync(OLD, ['--version'], {encoding: 'utf8'}).stdout.trim().slice(1) : ''

describe('the version of Node', () => {
  it.each(['22.18.0', '22.18.1', '22.19.0', '23.0.0', '24.1.0'])('%s is taken', (have) => {
    expect(oldNode(have, '22.18.0')).toBeUndefined()
  })

  it.each(['22.17.9', '20.20.2', '18.0.0'])('%s is too old, which is one sentence and what to do', (have) => {
    expect(oldNode(have, '22.18.0')).toBe(
      `Error: this needs Node 22.18.0 or later, and runs on ${have}. Install a newer Node, and run the command again.`,
    )
  })

  it.skipIf(oldNode(version || '99.0.0', '22.18.0') === undefined)('is looked at before anything is done', () => {
    const {status, stderr, stdout} = spawnSync(OLD, [path.join(root, 'bin', 'run.js'), 'backup', 'list'], {
      encoding: 'utf8',
    })
    expect([status, stdout, stderr]).toEqual([1, '', `${oldNode(version, '22.18.0')}\n`])
  })
})
