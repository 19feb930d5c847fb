import type {Difference} from './options.js'

interface Unknowable extends Pick<Difference, 'counts' | 'equal' | 'notCompared'> {
  schemaDifferences: ReadonlyArray<Pick<Difference['schemaDifferences'][number], 'severity'>>
}

/** A tenant that was not compared, in words. */
export function tenantInWords({name, reason}: {name: string; reason: string}): string {
  return `tenant ${name} (${reason})`
}

/** Whether two are called not equal only since something of them could not be compared: what was is the same. */
export function isUnknown({counts, equal, notCompared = [], schemaDifferences}: Unknowable): boolean {
  if (equal || notCompared.length === 0 || counts.missing + counts.extra + counts.different > 0) return false
  return schemaDifferences.every(({severity}) => severity !== 'blocking')
}
