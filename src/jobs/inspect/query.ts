/** SQL over the objects of one backup: by DuckDB, which is there where somebody has installed it. It sees the backup and nothing else. */
import type * as DuckDBModule from '@duckdb/node-api'
import type {DuckDBConnection, DuckDBInstance, DuckDBPreparedStatement, DuckDBResult} from '@duckdb/node-api'

import type {OpenedArchive} from '../../catalog/locate.js'
import type {JsonValue} from '../../model/object.js'
import type {OperationOptions} from '../../model/progress.js'

import {TemporaryFolder} from '../../flow/temporary-folder.js'
import {DataOpsError, interrupted, throwIfAborted} from '../../model/errors.js'
import {loadPeer} from '../../store/peer.js'
import {parquetFiles} from './query-files.js'
import {jsonConverter} from './query-values.js'

type DuckDB = typeof DuckDBModule

/** The table, beside the name of the collection. */
const TABLE = 'objects'

const EXPLAIN = /^\s*explain\s+(?:analyze\s+|\(\s*(?:analyze|format)\b[\w\s,]*\)\s*)?/i

export interface QueryResult {
  /** Names are made unique; types are DuckDB's. */
  columns: Array<{name: string; type: string}>
  /** Some rows at a time, a value for each column. May be asked for once. */
  rows: () => AsyncGenerator<JsonValue[][], void, undefined>
}

export class BackupQuery {
  readonly #interrupt = () => {
    this.connection.interrupt()
  }

  private constructor(
    private readonly database: {duckdb: DuckDB; instance: DuckDBInstance; temporary: TemporaryFolder},
    private readonly connection: DuckDBConnection,
    private readonly archive: OpenedArchive['archive'],
    private readonly options: OperationOptions,
  ) {
    options.signal?.addEventListener('abort', this.#interrupt)
  }

  /**
   * Makes the objects a table, called as the collection and `objects`. What is neither Parquet nor on this machine in the clear is copied
   * into a temporary folder, which `close` removes.
   * @throws DataOpsError INVALID_INPUT when DuckDB is not installed, or the backup holds the schema alone; BACKUP_DAMAGED; STORAGE; INTERRUPTED.
   */
  static async open(opened: OpenedArchive, options: OperationOptions = {}): Promise<BackupQuery> {
    const {archive} = opened
    const {collection, options: made} = archive.head.metadata
    if (!made.include_data) {
      throw new DataOpsError('INVALID_INPUT', `${archive.path} holds the schema of ${collection} alone.`, {
        hint: 'Name a backup with objects.',
      })
    }

    const duckdb = await loadPeer('Queries', '@duckdb/node-api', async () => import('@duckdb/node-api'))
    const temporary = new TemporaryFolder()
    try {
      const files = await parquetFiles(opened, temporary, options)
      const instance = await duckdb.DuckDBInstance.create(':memory:', {
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
        temp_directory: await temporary.path(),
      })
      const connection = await instance.connect()
      const query = new BackupQuery({duckdb, instance, temporary}, connection, archive, options)
      await query.#prepare(files)
      return query
    } catch (error) {
      await temporary.remove()
      throw error
    }
  }

  /** Other files, the network, other settings: out of reach of what is asked from now on. */
  async #prepare(files: readonly string[]): Promise<void> {
    const list = `[${files.map((file) => literal(file)).join(', ')}]`
    const {collection} = this.archive.head.metadata
    const names = new Map([collection, TABLE].map((name) => [name.toLowerCase(), name]))
    try {
      for (const statement of [
        `SET TimeZone = 'UTC'`,
        'SET allow_community_extensions = false',
        `SET allowed_paths = ${list}`,
        'SET enable_external_access = false',
        ...[...names.values()].map((name) => `CREATE VIEW ${identifier(name)} AS SELECT * FROM read_parquet(${list})`),
        'SET lock_configuration = true',
      ])
        await this.connection.run(statement)
    } catch (error) {
      await this.close()
      await this.archive.assertWhole(this.options)
      // Its files are what was sealed: the memory, or the file system, may lack something.
      throw new DataOpsError('UNEXPECTED', `DuckDB cannot open ${this.archive.path}: ${firstLine(error)}.`, {
        cause: error,
        details: {path: this.archive.path},
      })
    }
  }

  /**
   * @param sql one statement that reads
   * @throws DataOpsError INVALID_INPUT for what is not, or what DuckDB refuses; BACKUP_DAMAGED; INTERRUPTED.
   */
  async run(sql: string): Promise<QueryResult> {
    throwIfAborted(this.options.signal)
    const result = await this.#attempt(async () => (await this.#statement(sql)).stream())
    const types = result.columnTypes()
    return {
      columns: result.deduplicatedColumnNames().map((name, at) => ({name, type: String(types[at])})),
      rows: () => this.#rows(result),
    }
  }

  async #statement(sql: string): Promise<DuckDBPreparedStatement> {
    const {StatementType} = this.database.duckdb
    const statements = sql.trim() === '' ? undefined : await this.connection.extractStatements(sql)
    if (statements?.count !== 1) {
      const what = statements ? `These are ${statements.count} statements` : 'There is no statement'
      throw new DataOpsError('INVALID_INPUT', `${what}, and one is needed.`, {hint: this.#tables()})
    }

    const statement = await statements.prepare(0)
    const {statementType} = statement
    if (statementType === StatementType.SELECT) return statement
    if (statementType === StatementType.EXPLAIN && (await this.#explainsSelect(sql))) return statement
    throw new DataOpsError('INVALID_INPUT', 'A backup is only read: the statement has to be a SELECT.', {
      hint: this.#tables(),
    })
  }

  /** "explain analyze" runs what it explains, and a "copy" would write over the backup. */
  async #explainsSelect(sql: string): Promise<boolean> {
    const [start] = EXPLAIN.exec(sql) ?? []
    if (start === undefined) return false
    // The whole was understood: where the rest is not, options stand in it that are none of these.
    const explained = await this.connection.extractStatements(sql.slice(start.length)).catch(() => undefined)
    if (explained?.count !== 1) return false
    return (await explained.prepare(0)).statementType === this.database.duckdb.StatementType.SELECT
  }

  async *#rows(result: DuckDBResult): AsyncGenerator<JsonValue[][], void, undefined> {
    const {DuckDBTypeId, JsonDuckDBValueConverter} = this.database.duckdb
    const chunks = result.yieldConvertedRows(jsonConverter(JsonDuckDBValueConverter, DuckDBTypeId.FLOAT))
    for (;;) {
      const next = await this.#attempt(async () => chunks.next())
      if (next.done) return
      yield next.value
    }
  }

  /** What DuckDB refuses is the person's, unless the backup is not whole. */
  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (this.options.signal?.aborted) throw interrupted(this.options.signal)
      if (error instanceof DataOpsError) throw error
      if (/^(?:IO|Invalid Input|Serialization|TProtocolException)/i.test(firstLine(error)))
        await this.archive.assertWhole(this.options)
      throw new DataOpsError('INVALID_INPUT', `The query fails: ${sentence(error)}`, {
        details: {reason: error instanceof Error ? error.message : String(error)},
        hint: this.#tables(),
      })
    }
  }

  #tables(): string {
    const {collection} = this.archive.head.metadata
    const columns = (this.archive.head.schema.properties ?? []).map(({name}) => name)
    const shown = ['id', ...columns.slice(0, 8), ...(columns.length > 8 ? ['…'] : [])].join(', ')
    return `The table is ${collection}, or ${TABLE}, with columns ${shown}; "describe ${TABLE}" shows all.`
  }

  /** Removes what was copied. */
  async close(): Promise<void> {
    this.options.signal?.removeEventListener('abort', this.#interrupt)
    this.connection.closeSync()
    this.database.instance.closeSync()
    await this.database.temporary.remove()
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1)
  return line.replace(/^Failed to extract statements: /, '').trim()
}

function sentence(error: unknown): string {
  const line = firstLine(error).replace(/!$/, '')
  return /[.?]$/.test(line) ? line : `${line}.`
}
