import {readFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {type KnownCommand, meantByFlag} from '../../src/cli/meant-flag.js'
import {root} from '../support/root.js'

const manifest = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, Required<KnownCommand>>
}
const commands = Object.values(manifest.commands)

function meant(line: string, value?: string): string | undefined {
  const words = line.split(' ')
  const name = words.at(-1)!.replace(/^-+/, '')
  const id = words.slice(0, -1).join(':')
  const flagNames = Object.keys(manifest.commands[id]!.flags)
  return meantByFlag({name, value}, {config: {bin: 'elysiactl', commands}, flagNames, id})
}

describe('a flag that other tools have', () => {
  it.each([
    // pg_dump, pg_restore
    ['col backup -t', 'NAME is an argument: elysiactl col backup NAME... [flags]'],
    ['col backup -f', 'Did you mean --output?'],
    ['col backup -d', 'Did you mean --url?'],
    ['col backup -j', 'Did you mean --workers?'],
    ['col backup -F', 'Did you mean --format?'],
    ['col backup -Z', 'Did you mean --compress?'],
    ['col backup -T', 'Did you mean --exclude?'],
    ['col backup -W', 'Did you mean --api-key?'],
    ['col backup -s', 'Did you mean --schema-only?'],
    ['col backup -v', 'What is done is told with DEBUG=elysia:*'],
    ['col restore -f', 'BACKUP is an argument: elysiactl col restore BACKUP... [flags]'],
    ['col restore -c', 'Did you mean --replace?'],
    ['col restore -a', 'Did you mean --merge?'],
    ['col restore --schema-only', 'Did you mean --skip-data?'],
    // restic
    ['backup list -r', 'Did you mean --output?'],
    ['backup verify --read-data', 'All is read without a flag.'],
    ['backup prune --keep-hourly', 'Did you mean --keep-last?'],
    ['backup prune --prune', 'Old backups are removed by backup prune.'],
    ['col restore --target', 'Did you mean --name?'],
    ['col restore --include', 'Did you mean --collection?'],
    ['col backup --limit-upload', 'Did you mean --max-rate?'],
    // other commands of this program
    ['col copy --name', 'TARGET is an argument: elysiactl col copy [SOURCE [TARGET]] [flags]'],
    ['col copy --to', 'TARGET is an argument: elysiactl col copy [SOURCE [TARGET]] [flags]'],
    ['col verify --backup', 'Did you mean --against?'],
    ['col clear --yes', 'Did you mean --force?'],
    ['backup remove --dry-run', 'It is a flag of backup prune and col backup.'],
    ['backup get --id', 'UUID is an argument: elysiactl backup get BACKUP UUID [flags]'],
    ['backup verify --all', "Name them: a folder's are taken by a pattern such as 'backups/*'."],
    // mistyped
    ['col backup --fromat', 'Did you mean --format?'],
    ['col backup --jsno', 'Did you mean --json?'],
  ])('%s: %s', (line, hint) => {
    const text = meant(line)
    expect(text?.slice(0, hint.length)).toBe(hint)
  })

  it('is meant as an address where it is given one', () => {
    expect(meant('col copy --to', 'http://new:8080')).toMatch(/^Did you mean --to-url\?/)
  })

  it('is not taken for whatever else is four letters long', () => {
    expect(meant('col backup --frob')).toBeUndefined()
    expect(meant('col backup --constructor')).toBeUndefined()
  })
})

it('no hint names a flag that its command does not have', () => {
  const source = readFileSync(path.join(root, 'src', 'cli', 'meant-flag.ts'), 'utf8')
  const names = new Set(source.match(/(?<=')[a-zA-Z][\w -]*(?=')/g)?.flatMap((text) => text.split(' ')))
  expect(names.size).toBeGreaterThan(100)
  let hints = 0
  for (const {flags, id} of commands) {
    for (const name of names) {
      if (Object.keys(flags).includes(name)) continue
      const flag = /^Did you mean --([\w-]+)\?/.exec(meant(`${id.replaceAll(':', ' ')} --${name}`) ?? '')?.[1]
      if (flag === undefined) continue
      hints++
      expect(Object.keys(flags), `${id} --${name}`).toContain(flag)
    }
  }

  expect(hints).toBeGreaterThan(500)
})
