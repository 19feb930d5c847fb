import {Flags, type Interfaces} from '@oclif/core'

import type {BackupManager} from '../../src/jobs/backup/manager.js'
import type {BackupOptions, BackupResult, BackupRunResult} from '../../src/jobs/backup/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {notingName} from '../../src/cli/continuation.js'
import {examples} from '../../src/cli/examples.js'
import {
  batchSizeFlag,
  collectionsArgument,
  concurrencyFlag,
  durationFlag,
  encryptionFlags,
  excludeFlag,
  lockFlags,
  maxRateFlag,
  milliseconds,
  modeFlag,
  outputFlag,
  retryFlags,
  retryOptions,
  tenantFlag,
  waitReplicasFlag,
  workersFlag,
} from '../../src/cli/flags.js'
import {backupLine, backupLines, backupSum} from '../../src/cli/results.js'
import {exitAtLeast, type LeftOut, namesOrAll} from '../../src/cli/several.js'
import {transformFlags, transformsOf} from '../../src/cli/transform-flags.js'
import {isLacking} from '../../src/cli/unread.js'
import {viaExport, viaExportFlags} from '../../src/cli/via-export.js'
import {DataOpsError, EXIT_CODES} from '../../src/model/errors.js'
import {isPattern, matchesPattern} from '../../src/model/pattern.js'

type ColBackupFlags = Interfaces.InferredFlags<typeof ColBackup.baseFlags & typeof ColBackup.flags>

export default class ColBackup extends DataOpsCommand {
  static override summary = 'Back up collections to JSON, Parquet or Arrow.'

  static override usage = ['<%= command.id %> NAME... [flags]', '<%= command.id %> --all [flags]']

  static override description = `Writes each collection, its schema, tenants, vectors and references, to a backup that is sealed when it is complete: an interrupted one is never listed, and the next run continues it. NAME may be an alias, or a pattern in which * stands for any text.`

  static override args = {name: collectionsArgument}

  static override flags = {
    ...encryptionFlags,
    mode: modeFlag,
    all: Flags.boolean({description: 'Every collection of the server.'}),
    'batch-size': batchSizeFlag,
    compress: Flags.boolean({char: 'z', description: 'gzip for JSON, zstd columns for Parquet and Arrow.'}),
    concurrency: concurrencyFlag,
    'dry-run': Flags.boolean({description: 'Plan, check and count; write nothing.'}),
    exclude: excludeFlag,
    format: Flags.option({
      default: 'json',
      description: 'JSON is for reading, Parquet and Arrow for speed and for other tools.',
      options: ['json', 'parquet', 'arrow'] as const,
    })(),
    'include-data': Flags.boolean({allowNo: true, description: 'Objects too, not only the schema (default).'}),
    'include-offloaded': Flags.boolean({description: 'Onload offloaded tenants to read them; else they are skipped.'}),
    'keep-going': Flags.boolean({
      description: 'Back up the other collections when one cannot be; the exit code is that of the gravest.',
    }),
    ...lockFlags,
    'max-rate': maxRateFlag,
    output: outputFlag,
    resume: Flags.boolean({
      allowNo: true,
      description: 'Require an unfinished backup to continue, or start anew; by default one that fits is continued.',
    }),
    'resume-within': durationFlag(
      'Continue no unfinished backup that was left for longer (30m, 12h, 2d); default 15m.',
      {minutes: true},
    ),
    ...retryFlags,
    'schema-only': Flags.boolean({description: 'The schema only, the same as --no-include-data.'}),
    settle: Flags.boolean({description: 'Scan again until what changed during the backup is in it.'}),
    tenant: tenantFlag,
    'wait-replicas': waitReplicasFlag,
    workers: workersFlag,
    ...transformFlags,
    ...viaExportFlags,
  }

  static override examples = examples(
    ['Article', 'One collection, as JSON in ./backups'],
    ['Article --format parquet -z -o /var/backups', 'As compressed Parquet, elsewhere'],
    ['Article Author', 'Several collections in one run'],
    ["'Art*' --exclude 'ArticleTmp*'", 'Those of a name, without some'],
    ['--all --json', 'Everything; the result as JSON'],
    ['Article -o s3://bucket/prefix --lock-for 30d', 'Which nobody can change or remove for a month'],
    ['Article --schema-only', 'The schema only'],
    ['--all --via export --export-backend s3', 'Exported by the server itself, for what is larger than one machine'],
  )

  async #report(backup: BackupResult, isOneOfMany = false): Promise<void> {
    if (!backup.dryRun) backup.warnings.push(...(await this.announce('elysia:backup:sealed', {backup})))
    this.print(isOneOfMany ? backupLine(backup, this.tableWidth) : backupLines(backup))
    if (isLacking(backup)) exitAtLeast(EXIT_CODES.INCOMPLETE)
  }

  /** The cluster exports by itself. */
  async #exported(
    manager: BackupManager,
    wanted: 'all' | string[],
    flags: ColBackupFlags,
    via: NonNullable<ReturnType<typeof viaExport>>,
  ): Promise<Omit<BackupRunResult, 'failed'>> {
    const {failed: _, ...run} = await manager.exportCollections(wanted, {
      ...this.operation(),
      ...retryOptions(flags),
      ...via,
      exclude: flags.exclude,
      onSealed: async (backup) => this.#report(backup),
      waitReplicasMs: milliseconds(flags['wait-replicas']),
    })
    const [first] = run.backups
    if (first) this.suggest('Check it', ['backup', 'verify', first.id.slice(0, 8)])
    else this.print(['There is no collection to export.'])
    return run
  }

  async run(): Promise<BackupResult | (Omit<BackupRunResult, 'failed'> & {failed?: LeftOut[]})> {
    const {args, flags} = await this.parse(ColBackup)
    const names = args.name ?? []
    const wanted = namesOrAll(names, flags.all)
    checkArguments(flags)
    const via = viaExport(flags)
    const settings = await this.settings()
    const {BackupManager} = await import('../../src/jobs/backup/manager.js')
    const manager = new BackupManager(await this.connect(), await this.managerOptions(flags.output))
    if (via) return this.#exported(manager, wanted, flags, via)
    const [only] = names
    const isOne = only !== undefined && names.length === 1 && !isPattern(only)
    const noted = notingName(isOne ? only : undefined, this.onProgress)
    const options: BackupOptions = {
      ...this.operation({add: names.length === 1 ? ['--resume'] : [], remove: ['--no-resume'], replace: noted.places}),
      onProgress: noted.onProgress,
      ...retryOptions(flags),
      batchSize: settings.batchSize?.value,
      compress: flags.compress,
      concurrency: flags.concurrency,
      dryRun: flags['dry-run'],
      format: flags.format,
      includeData: !flags['schema-only'] && flags['include-data'],
      includeOffloaded: flags['include-offloaded'],
      lockForMs: flags['lock-for'],
      lockMode: flags['lock-mode'],
      maxRate: flags['max-rate'],
      resume: flags.resume ?? 'auto',
      resumeWithinMs: flags['resume-within'],
      settle: flags.settle,
      tenants: flags.tenant,
      waitReplicasMs: milliseconds(flags['wait-replicas']),
      workers: settings.workers?.value,
      transforms: await transformsOf(flags),
    }

    if (isOne) {
      checkNotExcluded(only, flags.exclude)
      const backup = await manager.backupCollection(only, options)
      await this.#report(backup)
      if (!backup.dryRun) this.suggest('Check it', ['backup', 'verify', backup.id.slice(0, 8)])
      return backup
    }

    const {failed = [], ...run} = await manager.backupCollections(wanted, {
      ...options,
      exclude: flags.exclude,
      keepGoing: flags['keep-going'],
      onSealed: async (backup) => this.#report(backup, true),
    })
    this.print(backupSum(run.backups))
    if (run.backups.some(({dryRun}) => !dryRun))
      this.suggest('Check them', ['backup', 'verify', `run:${run.runId.slice(0, 8)}`])
    const notBackedUp = failed.map((one) => this.leaveOut(one, 'NOT backed up'))
    if (run.backups.length === 0 && failed.length === 0)
      this.print([flags.exclude ? 'Every collection is excluded.' : 'The server has no collection.'])
    return {...run, ...(failed.length > 0 && {failed: notBackedUp})}
  }
}

function checkNotExcluded(name: string, exclude: readonly string[] = []): void {
  if (exclude.some((pattern) => matchesPattern(name, pattern)))
    throw new DataOpsError('INVALID_INPUT', `"${name}" is both named and excluded.`, {hint: 'Leave out --exclude.'})
}

function checkArguments(flags: ColBackupFlags): void {
  if (flags['schema-only'] && flags['include-data'])
    throw new DataOpsError('INVALID_INPUT', '--include-data and --schema-only contradict each other.', {
      hint: 'Leave one of them out.',
    })
}
