/** Asks whoever runs us how to reach Weaviate: the hook `elysia:connection`. */
import type {Warning} from '../model/progress.js'
import type {SettingValues} from './definitions.js'
import type {SettingsLayer} from './settings.js'

import {DataOpsError} from '../model/errors.js'

/** What a host's hook returns: any of these, nothing when it does not know. Milliseconds for `timeoutMs`. */
export type HostAnswer = SettingValues

/** What our own `hooks/connection.ts` returns. Hooks of all plugins run at once: it cannot know whether the host answers, so it says what it is and comes last. */
export interface SettingsFileAnswer extends SettingValues {
  path: string
  source: 'settings-file'
  warnings: Warning[]
}

/** As much of oclif's config as is used. */
export interface HookRunner {
  runHook: (
    event: string,
    options: Record<string, unknown>,
  ) => Promise<{
    failures: Array<{error: Error; plugin: {name: string}}>
    successes: Array<{plugin: {name: string}; result: unknown}>
  }>
}

export interface HostAnswers {
  file?: SettingsLayer
  host: SettingsLayer[]
  warnings: Warning[]
}

/**
 * Runs the hook `elysia:connection` with `{settingsFile}` and sorts the answers.
 * @throws DataOpsError when a hook fails: oclif swallows plain errors, and going on with the wrong server would be worse.
 */
export async function askHost(config: HookRunner, settingsFile?: string): Promise<HostAnswers> {
  const {failures, successes} = await config.runHook('elysia:connection', {settingsFile}).catch((error: unknown) => {
    throw hookError(error, 'the host')
  })
  const [failure] = failures
  if (failure) throw hookError(failure.error, failure.plugin.name)

  const answers: HostAnswers = {host: [], warnings: []}
  for (const {plugin, result} of successes) {
    if (result === undefined || result === null) continue
    if (typeof result !== 'object')
      throw new DataOpsError(
        'INVALID_INPUT',
        `${plugin.name} answered elysia:connection with something else than an object.`,
      )
    if (isSettingsFileAnswer(result)) {
      answers.file = {from: `the settings file ${result.path}`, values: result}
      answers.warnings.push(...result.warnings)
    } else {
      answers.host.push({from: `the host (${plugin.name})`, values: result})
    }
  }

  return answers
}

function isSettingsFileAnswer(result: HostAnswer): result is SettingsFileAnswer {
  return (result as Partial<SettingsFileAnswer>).source === 'settings-file'
}

/** Our own hook's errors pass as they are; `instanceof` fails across copies of this package. */
function hookError(error: unknown, plugin: string): unknown {
  if ((error as Error)?.name === 'DataOpsError') return error
  const reason = error instanceof Error ? error.message : String(error)
  return new DataOpsError('UNEXPECTED', `The hook elysia:connection of ${plugin} failed: ${reason}`, {
    hint: `Mend ${plugin}, or uninstall it.`,
  })
}
