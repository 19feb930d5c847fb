/** `@elysia/data-ops/codec`: backups read and written without Node, in a browser or an edge worker too. */
export {DataOpsError, type ErrorCode} from '../errors.js'
export type {JsonObject, JsonValue, NamedVector, WeaviateObject} from '../object.js'
export type {SchemaProperty, WeaviateClass} from '../weaviate/schema.js'
export {ByteBuffer} from './byte-buffer.js'
export type * from './codec.js'
export {partColumns} from './columns.js'
export {createDigester, describeDifference, type Digester, DigestSum} from './digest.js'
export * from './document.js'
export {writeVectorText} from './float32-text.js'
export {locateSealMember, readStoredMember, storedMember} from './gzip.js'
export {
  type DocumentEnd,
  type DocumentPart,
  readDocumentHead,
  type ReadDocumentOptions,
  readJsonDocument,
} from './json-document.js'
export {type DecodeLineOptions, decodeObjectLine, encodeObjectLine, JsonLinesEncoder} from './json-lines.js'
export {type BackupBytes, type BackupDocument, readBackupDocument, type ReadBackupOptions} from './json.js'
export {parquetCodec} from './parquet.js'
export {portablePlatform} from './portable.js'
export {hasFiniteVectors, hasVector, isFiniteVector} from './vectors.js'
