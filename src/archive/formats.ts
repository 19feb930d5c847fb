import type {BackupFormat, PartCodec} from '../codec/codec.js'

import {DataOpsError} from '../model/errors.js'

/** The codec of a format with parts, loaded when it is needed: Arrow and Parquet are large. */
export async function partCodec(format: BackupFormat): Promise<PartCodec> {
  switch (format) {
    case 'arrow': {
      const {arrowCodec} = await import('../codec/arrow/codec.js')
      return arrowCodec
    }

    case 'parquet': {
      const {parquetCodec} = await import('../codec/parquet/codec.js')
      return parquetCodec
    }

    default: {
      throw new DataOpsError('NOT_A_BACKUP', `There is no format "${format}" with parts.`, {
        hint: 'Known formats: json, parquet, arrow.',
      })
    }
  }
}
