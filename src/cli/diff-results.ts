/** Differences of two collections or backups as lines for a person. Pure. */
import type {ComparedThing, Difference} from '../jobs/verify/options.js'

import {formatCount} from '../model/plural.js'
import {outcomeLines, schemaTable, type ShowOptions} from './results.js'

export function diffLines(difference: Difference, options: ShowOptions = {}): string[] {
  const {a, b, notCompared = [], schemaDifferences} = difference
  return outcomeLines(difference, {
    digest: b.digest,
    notCompared,
    objects: b.objects,
    one: nameOf(b),
    other: nameOf(a),
    schema: schemaTable(
      schemaDifferences.map(({a: before, b: now, path, severity}) => ({backup: before, live: now, path, severity})),
      {...options, columns: ['A', 'B']},
    ),
    sizes: `${formatCount(b.objects)} and ${formatCount(a.objects)} objects`,
  })
}

function nameOf({backupId, collection, server}: ComparedThing): string {
  return backupId === undefined ? `${collection} at ${server ?? ''}` : `backup ${backupId} of ${collection}`
}
