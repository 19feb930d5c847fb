import type {SettingsFileAnswer} from '../src/config/host.js'

/** Answers `elysia:connection` from the settings file; an answer of the host is preferred to this one (src/config/host.ts). */
export default async function connection(options: {settingsFile?: string}): Promise<SettingsFileAnswer | undefined> {
  const {readSettingsFile} = await import('../src/config/settings-file.js')
  const file = await readSettingsFile(options.settingsFile)
  if (!file) return undefined
  const {path, values, warnings} = file
  return {...values, path, source: 'settings-file', warnings}
}
