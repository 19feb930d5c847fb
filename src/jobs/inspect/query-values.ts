/** Values of DuckDB as JSON. */
import type {DuckDBType, DuckDBValue, DuckDBValueConverter, JsonDuckDBValueConverter} from '@duckdb/node-api'

import type {JsonValue} from '../../model/object.js'

import {shortestFloat32} from '../../model/float32.js'

/**
 * Whole numbers that JSON's numbers hold exactly are numbers, others their digits as text; a float32 is the shortest number that rounds to it.
 * @param other converts what else there is
 */
export function jsonConverter(
  other: typeof JsonDuckDBValueConverter,
  floatType: number,
): DuckDBValueConverter<JsonValue> {
  return (value: DuckDBValue, type: DuckDBType, converter): JsonValue => {
    if (typeof value === 'bigint') return wholeNumber(value)
    if (type.typeId === (floatType as typeof type.typeId) && typeof value === 'number' && Number.isFinite(value))
      return shortestFloat32(value)
    return other(value, type, converter)
  }
}

function wholeNumber(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}
