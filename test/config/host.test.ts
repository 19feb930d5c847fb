import {describe, expect, it} from 'vitest'

import {askHost, type HookRunner} from '../../src/config/host.js'
import {resolveSettings} from '../../src/config/settings.js'
import {DataOpsError} from '../../src/model/errors.js'

function runner(outcome: {failures?: Error[]; successes?: unknown[]}): HookRunner & {asked: unknown[]} {
  const asked: unknown[] = []
  return {
    asked,
    async runHook(event, options) {
      asked.push([event, options])
      return {
        failures: (outcome.failures ?? []).map((error) => ({error, plugin: {name: 'other'}})),
        successes: (outcome.successes ?? []).map((result, index) => ({plugin: {name: `plugin-${index}`}, result})),
      }
    },
  }
}

const ours = {path: '/s.yaml', source: 'settings-file', url: 'http://file:1', warnings: [{code: 'w', message: 'm'}]}

describe('elysia:connection', () => {
  it('is asked with the settings file, and the host wins over it in whatever order they answer', async () => {
    for (const successes of [
      [{url: 'http://host:1'}, ours],
      [ours, {url: 'http://host:1'}],
    ]) {
      const config = runner({successes: [...successes, undefined, null]})
      const answers = await askHost(config, '/s.yaml')
      expect(config.asked).toEqual([['elysia:connection', {settingsFile: '/s.yaml'}]])
      expect(answers.warnings).toEqual(ours.warnings)
      expect(resolveSettings({env: {}, flags: {}, ...answers}).url?.value).toBe('http://host:1')
    }

    const alone = await askHost(runner({successes: [ours]}))
    expect(resolveSettings({env: {}, flags: {}, ...alone}).url).toMatchObject({
      from: 'the settings file /s.yaml',
      value: 'http://file:1',
    })
  })

  it('fails when a hook fails, which oclif would swallow', async () => {
    const failing = runner({failures: [new Error('vault is closed')]})
    await expect(askHost(failing)).rejects.toMatchObject({
      code: 'UNEXPECTED',
      hint: 'Mend other, or uninstall it.',
      message: 'The hook elysia:connection of other failed: vault is closed',
    })
    const own = new DataOpsError('INVALID_INPUT', 'The settings file is not YAML.')
    await expect(askHost(runner({failures: [own]}))).rejects.toBe(own)
  })

  it('refuses an answer that is no object', async () => {
    await expect(askHost(runner({successes: ['http://host:1']}))).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })
})
