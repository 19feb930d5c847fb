import {Flags} from '@oclif/core'

import type {CreatedJob} from '../../../src/jobs/machines/options.js'

import {DataOpsCommand} from '../../../src/cli/base-command.js'
import {
  batchSizeFlag,
  collectionsArgument,
  encryptionFlags,
  excludeFlag,
  milliseconds,
  modeFlag,
  outputFlag,
  tenantFlag,
} from '../../../src/cli/flags.js'
import {ifAbsentFlag, itemsFlag, jobFlag, leaseFlag} from '../../../src/cli/job-flags.js'
import {createdJobLines} from '../../../src/cli/job-results.js'
import {namesOrAll} from '../../../src/cli/several.js'
import {transformFlags, transformsOf} from '../../../src/cli/transform-flags.js'

export default class JobCreateBackup extends DataOpsCommand {
  static override summary = 'Plan a backup that several machines take.'

  static override usage = ['<%= command.id %> NAME... [flags]', '<%= command.id %> --all [flags]']

  static override description = `Divides each collection into items and writes the plan into the place of the backups; nothing is read yet. Then run "job work" with the job's name on as many machines as you like.`

  static override args = {
    name: collectionsArgument,
  }

  static override flags = {
    ...encryptionFlags,
    mode: modeFlag,
    'batch-size': batchSizeFlag,
    compress: Flags.boolean({char: 'z', description: 'zstd columns.'}),
    exclude: excludeFlag,
    all: Flags.boolean({description: 'Every collection of the server.'}),
    format: Flags.option({
      default: 'parquet',
      description: 'Formats whose backups are folders of parts.',
      options: ['parquet', 'arrow'] as const,
    })(),
    'if-absent': ifAbsentFlag,
    'include-offloaded': Flags.boolean({description: 'Onload offloaded tenants to read them; else they are skipped.'}),
    items: itemsFlag,
    job: jobFlag,
    lease: leaseFlag,
    output: outputFlag,
    tenant: tenantFlag,
    ...transformFlags,
  }

  static override examples = [
    {
      command: '<%= config.bin %> <%= command.id %> Article -o s3://bucket/backups --job nightly',
      description: 'Plan it; then "job work nightly" on each machine',
    },
    {
      command: "<%= config.bin %> <%= command.id %> 'Art*' --format arrow -z",
      description: 'Several, as compressed Arrow',
    },
  ]

  async run(): Promise<CreatedJob> {
    const {args, flags} = await this.parse(JobCreateBackup)
    const names = namesOrAll(args.name ?? [], flags.all)
    const settings = await this.settings()
    const manager = await this.jobManager(flags.output)
    const found = flags['if-absent'] && flags.job !== undefined ? await manager.find(flags.job) : undefined
    const created =
      found ??
      (await manager.createBackup(await this.connect(), names, {
        ...this.operation(),
        batchSize: settings.batchSize?.value,
        compress: flags.compress,
        exclude: flags.exclude,
        format: flags.format,
        id: flags.job,
        includeOffloaded: flags['include-offloaded'],
        items: flags.items,
        leaseMs: milliseconds(flags.lease),
        tenants: flags.tenant,
        transforms: await transformsOf(flags),
      }))
    this.print(createdJobLines(created, found !== undefined))
    this.suggest('On each machine', ['job', 'work', created.id])
    return created
  }
}
