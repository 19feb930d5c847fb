/** `@elysia/data-ops/codec`: backups read and written without Node, in a browser or an edge worker too. */
export {DataOpsError, type ErrorCode} from '../model/errors.js'
export type {JsonObject, JsonValue, NamedVector, WeaviateObject} from '../model/object.js'
export type {SchemaProperty, WeaviateClass} from '../model/schema.js'
export {ByteBuffer} from './byte-buffer.js'
export type * from './codec.js'
export {partColumns} from './columns/columns.js'
export {createDigester, describeDifference, type Digester, DigestSum} from './digest.js'
export * from './document.js'
export {locateSealMember, readStoredMember, storedMember} from './gzip.js'
export {type BackupBytes, type BackupDocument, readBackupDocument, type ReadBackupOptions} from './json/codec.js'
export {
  type DocumentEnd,
  type DocumentPart,
  readDocumentHead,
  type ReadDocumentOptions,
  readJsonDocument,
} from './json/document.js'
export {writeVectorText} from './json/float32-text.js'
export {type DecodeLineOptions, decodeObjectLine, encodeObjectLine, JsonLinesEncoder} from './json/lines.js'
export {parquetCodec} from './parquet/codec.js'
export {portablePlatform} from './portable.js'
export {hasFiniteVectors, hasVector, isFiniteVector} from './vectors.js'
