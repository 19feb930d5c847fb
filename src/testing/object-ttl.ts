import type {JsonObject} from '../model/object.js'
import type {SchemaProperty} from '../model/schema.js'

import {Refusal} from './refusal.js'

const TIMES = new Set(['_creationTimeUnix', '_lastUpdateTimeUnix'])
/** Seconds. */
const LEAST_TTL = 60

/** How long objects live, as the server shows it. @throws Refusal 422. */
export function objectTtlConfig(given: JsonObject, properties: readonly SchemaProperty[]): JsonObject {
  const config = {defaultTtl: 0, deleteOn: '', enabled: false, filterExpiredObjects: false, ...given}
  if (config.enabled) checkTtl(config, properties)
  return config
}

function checkTtl(
  {defaultTtl, deleteOn: on}: {defaultTtl: number; deleteOn: string},
  properties: readonly SchemaProperty[],
): void {
  if (on === '')
    throw refused(
      'missing value for "deleteOn". Set "_creationTimeUnix", "_lastUpdateTimeUnix" or custom property of "date" type',
    )
  if (TIMES.has(on)) {
    if (defaultTtl >= LEAST_TTL) return
    throw refused(
      `defaultTtl value too small for "deleteOn"="${on}". Required minimum "${LEAST_TTL}" seconds, given "${defaultTtl}" seconds`,
    )
  }

  const property = properties.find(({name}) => name === on)
  const what = `property "${on}" set as "deleteOn"`
  if (!property) throw refused(`${what} not found among collection properties`)
  const [type] = property.dataType
  if (type !== 'date') throw refused(`${what} should have "date" data type, "${type}" given`)
  if (property.indexFilterable === false && property.indexRangeFilters !== true)
    throw refused(`${what} should have filterable or rangeable index enabled`)
}

function refused(message: string): Refusal {
  return new Refusal(`ObjectTTLConfig: ${message}`)
}
