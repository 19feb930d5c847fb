import {Flags} from '@oclif/core'

import type {CreatedJob} from '../../../src/jobs/machines/options.js'

import {DataOpsCommand} from '../../../src/cli/base-command.js'
import {chooseBackups} from '../../../src/cli/check-backups.js'
import {
  backupsArgument,
  batchSizeFlag,
  consistencyFlag,
  excludeFlag,
  milliseconds,
  modeFlag,
  openingFlags,
  outputFlag,
  parseOverrides,
  tenantFlag,
} from '../../../src/cli/flags.js'
import {ifAbsentFlag, itemsFlag, jobFlag, leaseFlag} from '../../../src/cli/job-flags.js'
import {createdJobLines} from '../../../src/cli/job-results.js'
import {transformFlags, transformsOf} from '../../../src/cli/transform-flags.js'
import {writingFlags, writingOptions} from '../../../src/cli/writing-flags.js'
import {DataOpsError} from '../../../src/model/errors.js'

const {
  'dry-run': _dryRun,
  restart: _restart,
  'retry-rejected': _retryRejected,
  'skip-data': _skipData,
  ...ofSeveral
} = writingFlags

export default class JobCreateRestore extends DataOpsCommand {
  static override summary = 'Plan a restore that several machines do.'

  static override usage = '<%= command.id %> BACKUP... [flags]'

  static override description = `Checks the backups, creates the collections with their tenants, divides the rows into items and writes the plan into the place of the backups; no object is written yet. Until the job has ended, or is cancelled, nothing else restores into the collections. Then run "job work" with the job's name on as many machines as you like. Where objects that are there are not to be written over (--on-conflict skip or fail), this command looks for them.`

  static override args = {backup: backupsArgument}

  static override flags = {
    ...openingFlags,
    mode: modeFlag,
    'batch-size': batchSizeFlag,
    consistency: consistencyFlag,
    exclude: excludeFlag,
    'if-absent': ifAbsentFlag,
    items: itemsFlag,
    job: jobFlag,
    lease: leaseFlag,
    name: Flags.string({description: 'Another name for the collection.'}),
    output: outputFlag,
    tenant: tenantFlag,
    ...transformFlags,
    ...ofSeveral,
  }

  static override examples = [
    {
      command: '<%= config.bin %> <%= command.id %> Article@latest -o s3://bucket/backups --job back',
      description: 'Plan it; then "job work back" on each machine',
    },
    {
      command: "<%= config.bin %> <%= command.id %> 'Art*' -o s3://bucket/backups --verify",
      description: 'The newest of several collections, compared in the end',
    },
  ]

  async run(): Promise<CreatedJob> {
    const {args, flags} = await this.parse(JobCreateRestore)
    if (flags.set) parseOverrides(flags.set)
    const settings = await this.settings()
    const manager = await this.jobManager(flags.output)
    const found = flags['if-absent'] && flags.job !== undefined ? await manager.find(flags.job) : undefined
    const created =
      found ??
      (await manager.createRestore(await this.connect(), await this.#backups(args.backup, flags), {
        ...this.operation(),
        ...writingOptions(flags),
        batchSize: settings.batchSize?.value,
        consistency: flags.consistency,
        id: flags.job,
        items: flags.items,
        leaseMs: milliseconds(flags.lease),
        name: flags.name,
        tenants: flags.tenant,
        transforms: await transformsOf(flags),
      }))
    this.print(createdJobLines(created, found !== undefined))
    this.suggest('On each machine', ['job', 'work', created.id])
    return created
  }

  async #backups(given: string[], {exclude, output}: {exclude?: string[]; output: string}): Promise<string[]> {
    const {references} = await chooseBackups(given, {
      directory: output,
      encryption: await this.encryption(),
      exclude,
      onWarning: (warning) => {
        this.warnOf(warning)
      },
    })
    if (references.length > 0) return references
    throw new DataOpsError('NOT_A_BACKUP', 'Every backup that was named is excluded.')
  }
}
