import {describe, expect, it} from 'vitest'

import {continued} from '../../src/cli/continuation.js'

const FLAGS = {
  all: {type: 'boolean'},
  differences: {aliases: ['limit'], type: 'option'},
  output: {char: 'o', type: 'option'},
  'schema-from': {type: 'option'},
  tenant: {type: 'option'},
}
const replace = new Map([
  ['A*', ['b/A1.json', 'b/A2.json']],
  ['latest', ['b/A2.json']],
])

describe('the command that continues an interrupted one', () => {
  it.each([
    [
      ['latest', '-o', 'b'],
      ['b/A2.json', '-o', 'b'],
    ],
    [
      ['A*', '--all', 'latest'],
      ['b/A1.json', 'b/A2.json', '--all', 'b/A2.json'],
    ],
    [
      ['--', 'latest'],
      ['--', 'b/A2.json'],
    ],
    // Values of flags are no backups, but for those of which it is said.
    [
      ['A*', '--tenant', 'A*', '--limit', 'A*'],
      ['b/A1.json', 'b/A2.json', '--tenant', 'A*', '--limit', 'A*'],
    ],
    [
      ['-o', 'latest', '--tenant=latest'],
      ['-o', 'latest', '--tenant=latest'],
    ],
    [
      ['x', '--schema-from', 'S*'],
      ['x', '--schema-from', 's/1', '--schema-from', 's/2'],
    ],
    [
      ['x', '--schema-from=S*'],
      ['x', '--schema-from=s/1', '--schema-from=s/2'],
    ],
  ])('%j names what it worked on', (argv, words) => {
    const replaceOf = {'--schema-from': new Map([['S*', ['s/1', 's/2']]])}
    expect(continued(argv, FLAGS, {replace, replaceOf})).toEqual(words)
  })

  it('adds and leaves out flags, once', () => {
    const how = {add: ['--resume'], remove: ['--no-resume']}
    expect(continued(['A', '--no-resume'], FLAGS, how)).toEqual(['--resume', 'A'])
    expect(continued(['--resume', 'A'], FLAGS, how)).toEqual(['--resume', 'A'])
    expect(continued(['--', 'A'], FLAGS, how)).toEqual(['--resume', '--', 'A'])
  })
})
