import {spawn} from 'node:child_process'
import {copyFile, cp, mkdtemp, readFile, rm, symlink} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {SETTINGS} from '../../src/config/definitions.js'
import {root} from './run-cli.js'

async function node(script: string, argv: string[], cwd: string): Promise<{code: number; output: string}> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...argv], {cwd, stdio: ['ignore', 'pipe', 'pipe']})
    let output = ''
    const collect = (text: string) => {
      output += text
    }

    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({code: code ?? -1, output})
    })
  })
}

describe('what is made from the commands', () => {
  it('oclif.manifest.json is what `npm run manifest` makes of them', async () => {
    const copy = await mkdtemp(path.join(tmpdir(), 'manifest-'))
    try {
      await copyFile(path.join(root, 'package.json'), path.join(copy, 'package.json'))
      // oclif notes real paths: a link to dist would lead out of the copy.
      await cp(path.join(root, 'dist'), path.join(copy, 'dist'), {recursive: true})
      await symlink(path.join(root, 'node_modules'), path.join(copy, 'node_modules'), 'junction')
      const {code, output} = await node(path.join(root, 'node_modules', 'oclif', 'bin', 'run.js'), ['manifest'], copy)
      expect(code, output).toBe(0)
      const read = async (folder: string): Promise<unknown> =>
        JSON.parse(await readFile(path.join(folder, 'oclif.manifest.json'), 'utf8'))
      expect(await read(root), 'run npm run manifest').toEqual(await read(copy))
    } finally {
      await rm(copy, {force: true, recursive: true})
    }
  })

  it('docs/cli.md holds the reference that `npm run docs:cli` writes', async () => {
    const {code, output} = await node(path.join(root, 'scripts', 'generate-cli-docs.mjs'), ['--check'], root)
    expect(code, output).toBe(0)
  })

  it('holds no secret, no path of this machine, and an example, a summary and every global flag for each command', async () => {
    const text = await readFile(path.join(root, 'oclif.manifest.json'), 'utf8')
    expect(text).not.toContain(root)
    const {commands} = JSON.parse(text) as {commands: Record<string, Record<string, object>>}
    expect(Object.keys(commands).toSorted()).toEqual([
      'backup:copy',
      'backup:diff',
      'backup:extend',
      'backup:get',
      'backup:head',
      'backup:list',
      'backup:prune',
      'backup:query',
      'backup:rekey',
      'backup:remove',
      'backup:report',
      'backup:show',
      'backup:verify',
      'col:backup',
      'col:clear',
      'col:copy',
      'col:diff',
      'col:restore',
      'col:verify',
      'complete',
      'completion',
      'doctor',
      'job:cancel',
      'job:create:backup',
      'job:create:restore',
      'job:list',
      'job:show',
      'job:work',
    ])
    const globals = ['json', 'url', 'grpc-url', 'api-key', 'header', 'timeout', 'config', 'ca-file', 'quiet']
    for (const [id, command] of Object.entries(commands)) {
      expect(Object.keys(command.flags!), id).toEqual(expect.arrayContaining(globals))
      expect('output' in command.flags! || id === 'completion', id).toBe(true)
      expect(command.summary, id).toBeTruthy()
      expect(command.usage, id).toBeTruthy()
      expect(command.description, id).toBeTruthy()
      expect(command.examples, id).not.toHaveLength(0)
      expect(command.hasDynamicHelp, id).toBe(false)
      for (const {env, flag = ''} of Object.values(SETTINGS)) {
        const {description} = (command.flags as Record<string, undefined | {description: string}>)[flag] ?? {}
        if (description !== undefined && env.length > 0)
          expect(
            env.some((name) => description.includes(name)),
            `${id} --${flag}: ${description}`,
          ).toBe(true)
      }
    }
  })
})
