import {Flags} from '@oclif/core'

import type {CreatedJob} from '../../../src/jobs/machines/options.js'

import {chooseBackups} from '../../../src/cli/check-backups.js'
import {examples} from '../../../src/cli/examples.js'
import {backupsArgument, consistencyFlag, excludeFlag, openingFlags, parseOverrides} from '../../../src/cli/flags.js'
import {JobCreateCommand, jobCreateFlags} from '../../../src/cli/job-create-command.js'
import {writingFlags, writingOptions} from '../../../src/cli/writing-flags.js'

export default class JobCreateRestore extends JobCreateCommand {
  static override summary = 'Plan a restore that several machines do.'

  static override usage = '<%= command.id %> BACKUP... [flags]'

  static override description = `Checks the backups, creates the collections with their tenants, divides the rows into items and writes the plan into the place of the backups; no object is written yet. Until the job has ended, or is cancelled, nothing else restores into the collections. Then run "job work" with the job's name on as many machines as you like. Where objects that are there are not to be written over (--on-conflict skip or fail), this command looks for them.`

  static override args = {backup: backupsArgument}

  static override flags = {
    ...jobCreateFlags,
    ...openingFlags,
    consistency: consistencyFlag,
    exclude: excludeFlag,
    name: Flags.string({description: 'Another name for the collection.', helpValue: '<name>'}),
    ...writingFlags,
  }

  static override examples = examples(
    ['Article@latest -o s3://bucket/backups --job back', 'Plan it; then "job work back" on each machine'],
    ["'Art*' -o s3://bucket/backups --verify", 'The newest of several collections, compared in the end'],
  )

  async run(): Promise<CreatedJob> {
    const {args, flags} = await this.parse(JobCreateRestore)
    if (flags.set) parseOverrides(flags.set)
    return this.createOnce(flags, async (manager, options) =>
      manager.createRestore(await this.connect(), await this.#backups(args.backup, flags), {
        ...options,
        ...writingOptions(flags),
        consistency: flags.consistency,
        name: flags.name,
      }),
    )
  }

  async #backups(given: string[], {exclude, output}: {exclude?: string[]; output: string}): Promise<string[]> {
    const {references} = await chooseBackups(given, {
      directory: output,
      encryption: await this.encryption(),
      exclude,
      onWarning: this.warnOf,
    })
    return references
  }
}
