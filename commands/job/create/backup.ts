import {Flags} from '@oclif/core'

import type {CreatedJob} from '../../../src/jobs/machines/options.js'

import {examples} from '../../../src/cli/examples.js'
import {collectionsArgument, encryptionFlags, excludeFlag} from '../../../src/cli/flags.js'
import {JobCreateCommand, jobCreateFlags} from '../../../src/cli/job-create-command.js'
import {namesOrAll} from '../../../src/cli/several.js'

export default class JobCreateBackup extends JobCreateCommand {
  static override summary = 'Plan a backup that several machines take.'

  static override usage = ['<%= command.id %> NAME... [flags]', '<%= command.id %> --all [flags]']

  static override description = `Divides each collection into items and writes the plan into the place of the backups; nothing is read yet. Then run "job work" with the job's name on as many machines as you like.`

  static override args = {
    name: collectionsArgument,
  }

  static override flags = {
    ...jobCreateFlags,
    ...encryptionFlags,
    all: Flags.boolean({description: 'Every collection of the server.'}),
    compress: Flags.boolean({char: 'z', description: 'zstd columns.'}),
    exclude: excludeFlag,
    format: Flags.option({
      default: 'parquet',
      description: 'Formats whose backups are folders of parts.',
      options: ['parquet', 'arrow'] as const,
    })(),
    'include-offloaded': Flags.boolean({description: 'Onload offloaded tenants to read them; else they are skipped.'}),
  }

  static override examples = examples(
    ['Article -o s3://bucket/backups --job nightly', 'Plan it; then "job work nightly" on each machine'],
    ["'Art*' --format arrow -z", 'Several, as compressed Arrow'],
  )

  async run(): Promise<CreatedJob> {
    const {args, flags} = await this.parse(JobCreateBackup)
    const names = namesOrAll(args.name ?? [], flags.all)
    return this.createOnce(flags, async (manager, options) =>
      manager.createBackup(await this.connect(), names, {
        ...options,
        compress: flags.compress,
        exclude: flags.exclude,
        format: flags.format,
        includeOffloaded: flags['include-offloaded'],
      }),
    )
  }
}
