/** Rows of a query for a person, and as CSV. Pure. */
import type {QueryResult} from '../jobs/inspect/query.js'
import type {JsonValue} from '../model/object.js'

import {formatTable} from './format.js'
import {valueText} from './objects.js'

type Columns = QueryResult['columns']

const NUMBER = /^(?:U?(?:BIG|HUGE|SMALL|TINY)?INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL)/

export function queryTable(columns: Columns, rows: readonly JsonValue[][], width: number): string[] {
  return formatTable(
    rows,
    columns.map(({name, type}, at) => ({
      ...(NUMBER.test(type) && !type.endsWith(']') && {align: 'right'}),
      header: name,
      value: (row) => (row[at] === null ? 'NULL' : valueText(row[at])),
    })),
    width,
  )
}

/** A line of RFC 4180; lists and structures are JSON, null is empty and an empty text is `""`. */
export function csvLine(values: ReadonlyArray<JsonValue | undefined>): string {
  return values.map((value) => (value === null ? '' : csvField(valueText(value)))).join(',')
}

function csvField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
