/** The core names options and methods of the SDK, in backticks; on the command line they are flags and commands. */
import {mapValues} from '../model/map-values.js'

/** Options whose flag has another name. */
const FLAGS: Readonly<Record<string, string>> = {
  apiKey: 'api-key',
  checkpointDirectory: 'checkpoint-dir',
  collections: 'collection',
  directory: 'output',
  headers: 'header',
  identities: 'identity',
  lockForMs: 'lock-for',
  nodes: 'node',
  overrides: 'set',
  protectedNames: 'protected',
  tenants: 'tenant',
  transforms: 'transform',
}

const COMMANDS: Readonly<Record<string, string>> = {
  'BackupCatalog.list': 'backup list',
  'BackupCatalog.prune': 'backup prune',
  'BackupCatalog.reindex': 'backup list --reindex',
  'BackupCatalog.rekey': 'backup rekey',
  'BackupCatalog.remove': 'backup remove',
  'JobManager.cancel': 'job cancel',
  'JobManager.createBackup': 'job create backup',
  'JobManager.list': 'job list',
  'JobManager.show': 'job show',
  'JobManager.work': 'job work',
  backupCollection: 'col backup',
  clearCollection: 'col clear',
  copyCollection: 'col copy',
  diffBackups: 'backup diff',
  diffCollections: 'col diff',
  replaceCollection: 'col restore --replace',
  restoreCollection: 'col restore',
  restoreCollections: 'col restore',
  verifyBackup: 'backup verify',
  verifyCollection: 'col verify --against',
}

const NAMED = /`([A-Za-z.]+)(?:: ([^`]+))?`/g

/** `resume: true` is --resume, `keepSchema: false` --no-keep-schema, `onConflict: 'skip'` --on-conflict skip, `overrides: {'a.b': 1}` --set a.b=1. */
export function asTyped(text: string): string {
  return text.replaceAll(NAMED, (whole, name: string, value: string | undefined) => {
    const command = COMMANDS[name]
    if (command !== undefined) return command
    const flag = FLAGS[name] ?? name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    if (value === undefined || value === 'true') return `--${flag}`
    if (value === 'false') return `--no-${flag}`
    const member = /^\{\s*'?([\w.]+)'?: (.+?)\s*\}$/.exec(value)
    const typed = member ? `${member[1]}=${member[2]}` : value
    return `--${flag} ${typed.replaceAll("'", '')}`
  })
}

/** The texts of every list of warnings in a result. */
export function warningsAsTyped(value: unknown, isWarning = false): unknown {
  if (typeof value === 'string') return isWarning ? asTyped(value) : value
  if (Array.isArray(value)) return value.map((item) => warningsAsTyped(item, isWarning))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return mapValues(value as Record<string, unknown>, (item, key) =>
    warningsAsTyped(item, isWarning || key === 'warnings'),
  )
}
