import type {PartCodec} from '../codec.js'

import {partColumns} from '../columns/columns.js'
import {openArrow} from './reader.js'
import {ArrowEncoder} from './writer.js'

/** Arrow IPC file parts: the columns of Parquet parts, mapped into memory as they are (docs/format.md). */
export const arrowCodec: PartCodec = {
  columns: partColumns,
  createEncoder: (options) => new ArrowEncoder(options),
  extension: 'arrow',
  format: 'arrow',
  openDecoder: openArrow,
}
