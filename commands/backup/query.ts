import {Args, Flags} from '@oclif/core'

import type {BackupQuery} from '../../src/jobs/inspect/query.js'
import type {JsonValue} from '../../src/model/object.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {backupArgument, fullFlag, placeFlags} from '../../src/cli/flags.js'
import {csvLine, queryTable} from '../../src/cli/query-output.js'
import {plural} from '../../src/model/plural.js'

interface QueryAnswer {
  backupId: string
  columns: Array<{name: string; type: string}>
  path: string
  rows: Array<Record<string, JsonValue>>
}

export default class BackupQueryCommand extends DataOpsCommand {
  static override summary = 'Ask a backup in SQL.'

  static override usage = '<%= command.id %> BACKUP SQL [flags]'

  static override description = `By DuckDB (npm package @duckdb/node-api), without a server. The objects are a table called as the collection and \`objects\`, a column for each property, vectors as lists of floats. Parquet of this machine is read where it lies; what is in object storage, encrypted, JSON or Arrow by a temporary copy in the clear, which is removed (after a kill -9: by the next command). One statement that reads; other files and the network are out of its reach. Files are taken as they lie, unless --verify reads them first.`

  static override args = {
    backup: backupArgument,
    sql: Args.string({description: 'A SELECT of DuckDB.', ignoreStdin: true, required: true}),
  }

  static override flags = {
    ...placeFlags,
    count: Flags.integer({
      char: 'n',
      default: 100,
      description: 'Rows of the table at most; CSV and --json have all.',
      helpValue: '<n>',
      min: 1,
    }),
    format: Flags.option({
      default: 'table',
      description: 'How rows are printed.',
      options: ['table', 'csv'] as const,
    })(),
    full: fullFlag,
    verify: Flags.boolean({description: 'Make sure first that every file of the backup is what was sealed.'}),
  }

  static override examples = examples(
    [
      `Article@latest "select topic, count(*) as articles from Article group by topic order by articles desc"`,
      'Values that there are, and how many objects have them',
    ],
    [
      `5f0c "select * exclude (vector) from objects" --format csv`,
      'All objects without their vectors, for a spreadsheet',
    ],
    [
      `5f0c "select id, list_cosine_similarity(vector, (select vector from objects limit 1)) as nearness from objects order by nearness desc limit 5"`,
      'The nearest to one of them',
    ],
  )

  async run(): Promise<QueryAnswer | undefined> {
    const {args, flags} = await this.parse(BackupQueryCommand)
    const {BackupQuery: Query} = await import('../../src/jobs/inspect/query.js')
    const operation = this.operation()
    const opened = await this.openBackup(args.backup, flags.output, operation)
    const {archive} = opened
    if (archive.seal?.complete === false) this.warnOf({message: `${archive.path} lacks objects of its collection.`})
    if (flags.verify) await archive.assertWhole(operation)
    const query = await Query.open(opened, operation)
    try {
      if (this.jsonEnabled())
        return {backupId: archive.head.metadata.backup_id, path: archive.path, ...(await all(query, args.sql))}
      if (flags.format === 'csv') await this.#csv(query, args.sql)
      else await this.#table(query, args.sql, {count: flags.count, width: flags.full ? Infinity : this.width})
      return undefined
    } finally {
      await query.close()
    }
  }

  async #csv(query: BackupQuery, sql: string): Promise<void> {
    const {columns, rows} = await query.run(sql)
    this.progress.stop()
    this.#exactly([csvLine(columns.map(({name}) => name))])
    for await (const some of rows()) this.#exactly(some.map((row) => csvLine(row)))
  }

  /** A program gets every byte as it is; a terminal would obey some. */
  #exactly(lines: readonly string[]): void {
    if (process.stdout.isTTY) this.print(lines, Infinity)
    else if (lines.length > 0) this.log('%s', lines.join('\n'))
  }

  async #table(query: BackupQuery, sql: string, {count, width}: {count: number; width: number}): Promise<void> {
    const {columns, rows} = await query.run(sql)
    const shown: JsonValue[][] = []
    let isMore = false
    for await (const some of rows()) {
      isMore = shown.length + some.length > count
      shown.push(...some.slice(0, count - shown.length))
      if (isMore) break
    }

    this.print(shown.length > 0 ? queryTable(columns, shown, width) : ['No rows.'], width)
    if (isMore) this.progress.print(`The first ${plural(count, 'row')}; all of them with --format csv or --json.`)
  }
}

async function all(query: BackupQuery, sql: string): Promise<Pick<QueryAnswer, 'columns' | 'rows'>> {
  const {columns, rows} = await query.run(sql)
  const found: Array<Record<string, JsonValue>> = []
  for await (const some of rows())
    for (const row of some) found.push(Object.fromEntries(columns.map(({name}, at) => [name, row[at] ?? null])))
  return {columns, rows: found}
}
