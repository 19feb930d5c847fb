/** Differences of two collections or backups as lines for a person. Pure. */
import type {ComparedThing, Difference} from '../jobs/verify/options.js'

import {isUnknown, tenantInWords} from '../jobs/verify/unknown.js'
import {formatCount, plural} from '../model/plural.js'
import {formatMembers} from './format.js'
import {differenceLines, schemaTable, type ShowOptions} from './results.js'

export function diffLines(difference: Difference, options: ShowOptions = {}): string[] {
  const {a, b, equal, notCompared = [], schemaDifferences, tenantsLeftOut = []} = difference
  const leftOut = tenantsLeftOut.map((tenant) => tenantInWords(tenant))
  // Tenants stand in both.
  const unknown = [...new Set([...leftOut, ...notCompared])].map((what) => `  NOT compared: ${what}`)
  if (equal)
    return [
      `${nameOf(b)} equals ${nameOf(a)}: ${plural(b.objects, 'object')}`,
      ...formatMembers([['digest', b.digest]]),
      ...unknown,
    ]
  const sizes = `${formatCount(b.objects)} and ${formatCount(a.objects)} objects`
  if (isUnknown(difference)) {
    return [
      `${nameOf(b)} is not known to equal ${nameOf(a)}: what was compared is the same, and not everything could be (${sizes})`,
      ...unknown,
    ]
  }

  return [
    ...differenceLines(`${nameOf(b)} differs from ${nameOf(a)}`, difference, sizes),
    ...schemaTable(
      schemaDifferences.map(({a: before, b: now, path, severity}) => ({backup: before, live: now, path, severity})),
      {...options, columns: ['A', 'B']},
    ),
    ...unknown,
  ]
}

function nameOf({backupId, collection, server}: ComparedThing): string {
  return backupId === undefined ? `${collection} at ${server ?? ''}` : `backup ${backupId} of ${collection}`
}
