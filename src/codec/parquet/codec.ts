import type {PartCodec} from '../codec.js'

import {partColumns} from '../columns/columns.js'
import {openParquet} from './reader.js'
import {ParquetEncoder} from './writer.js'

/** Parquet parts: typed columns that DuckDB, pyarrow, Polars and Spark read as they are (docs/format.md). */
export const parquetCodec: PartCodec = {
  columns: partColumns,
  createEncoder: (options) => new ParquetEncoder(options),
  extension: 'parquet',
  format: 'parquet',
  openDecoder: openParquet,
}
