/** A report for the terminal. Pure. */
import type {NumberKind} from '../../jobs/inspect/property-sketch.js'
import type {BackupReport} from '../../jobs/inspect/report.js'

import {formatCount, plural} from '../../model/plural.js'
import {type Column, formatTable} from '../format.js'

export function reportLines({objects, properties, vectors}: BackupReport, width?: number): string[] {
  const columns: Array<Column<BackupReport['properties'][number]>> = [
    {header: 'PROPERTY', value: ({name}) => name},
    {header: 'TYPE', value: ({type}) => type},
    {align: 'right', header: 'PRESENT', value: ({present}) => formatCount(present)},
    {align: 'right', header: 'MISSING', value: ({missing}) => formatCount(missing)},
    {
      align: 'right',
      header: 'DISTINCT',
      value: ({distinct}) => `${distinct.estimated ? '~' : ''}${formatCount(distinct.value)}`,
    },
    {header: 'RANGE', value: ({numbers}) => (numbers ? rangeOf(numbers) : '')},
  ]
  return [
    plural(objects, 'object'),
    ...formatTable(properties, columns, width),
    ...vectors.map(({count, dimensions, name, nonFinite, norms}) => {
      const what = name === '' ? 'Vectors' : `Vectors ${name}`
      const range = norms ? `, norms ${numberText(norms.min)} to ${numberText(norms.max)}` : ''
      const bad = nonFinite > 0 ? `, ${formatCount(nonFinite)} NOT FINITE` : ''
      return `${what}: ${formatCount(count)} of ${dimensions.join(', ')} dimensions${range}${bad}`
    }),
  ]
}

function rangeOf({kind, max, min}: {kind: NumberKind; max: number; min: number}): string {
  const text = kind === 'time' ? (value: number) => new Date(value).toISOString().slice(0, 10) : numberText
  const range = min === max ? text(min) : `${text(min)} to ${text(max)}`
  return `${kind === 'length' ? 'length ' : ''}${range}`
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(6)))
}
