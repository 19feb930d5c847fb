/** What a server has made of a schema: it may drop or change settings without a word, and only what it shows afterwards tells. */
import type {WeaviateClass} from '../../model/schema.js'

import {DataOpsError} from '../../model/errors.js'
import {isJsonObject, type JsonValue} from '../../model/object.js'
import {compareSchemas, type SchemaDifference} from '../../model/schema-compare.js'
import {type RestorePlan, wholeOf} from './plan.js'

/** @throws DataOpsError SCHEMA_MISMATCH when the collection cannot hold every object of the backup. */
export function checkCreated({job, prepared}: RestorePlan, created: WeaviateClass): void {
  const {connection, target} = job
  const differences = compareSchemas(wholeOf(prepared), created, {ignoreName: true})
  const blocking = differences.filter(({severity}) => severity === 'blocking')
  if (blocking.length > 0) {
    const fields = blocking.map(
      ({backup, live, path: field}) =>
        `${field} (backup ${JSON.stringify(backup)}, server ${JSON.stringify(live) ?? 'nothing'})`,
    )
    throw new DataOpsError(
      'SCHEMA_MISMATCH',
      `The server (version ${connection.version}) does not take the schema of "${target}": ${fields.join('; ')}.`,
      {
        details: {differences: blocking},
        hint: 'Restore to a server that knows these settings, or change them with `overrides`.',
      },
    )
  }

  // What is lost stands first, what says nothing in one line at the end.
  const telling = differences.filter((difference) => !saysNothing(difference))
  const isLost = ({live}: SchemaDifference): number => (live === undefined ? 0 : 1)
  for (const {backup, live, path: field} of telling.toSorted((a, b) => isLost(a) - isLost(b))) {
    const message =
      live === undefined
        ? `The server does not keep ${field}: the backup has ${JSON.stringify(backup)}.`
        : `The server keeps ${field} as ${JSON.stringify(live)}; the backup has ${JSON.stringify(backup)}.`
    job.warn({code: 'schema-changed', details: {backup, field, live}, message})
  }

  const quiet = differences.filter((difference) => saysNothing(difference))
  if (quiet.length === 0) return
  job.warn({
    code: 'schema-defaults',
    details: {differences: quiet.map(({backup, live, path: field}) => ({backup, field, live}))},
    message: `${quiet.length} settings of "${target}" are absent on one side and switched off, or the default, on the other: ${shortened(quiet.map(({path}) => path))}.`,
  })
}

/** Settings that the server adds, and settings of the backup that are off, or what servers do that do not know them. */
function saysNothing({backup, live, path}: SchemaDifference): boolean {
  return backup === undefined || (live === undefined && isIdle(backup, path.split('.').at(-1) ?? ''))
}

/** What servers do by themselves that do not show these. */
const DEFAULTS: Readonly<Record<string, JsonValue>> = {
  deletionStrategy: 'NoAutomatedResolution',
  filterStrategy: 'sweeping',
  indexRangeFilters: false,
}

function isIdle(value: JsonValue | undefined, name: string): boolean {
  const isOff = ['', 0, DEFAULTS[name], false, 'none', null, undefined].includes(value)
  if (isOff) return true
  if (Array.isArray(value)) return value.length === 0
  if (isJsonObject(value)) {
    if (value.enabled === false) return true
    return Object.entries(value).every(([key, member]) => isIdle(member, key))
  }

  return false
}

function shortened(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ')
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown
}
