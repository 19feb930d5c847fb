/** What the commands that plan a job of several machines have in common. */
import {Flags, type Interfaces} from '@oclif/core'

import type {JobManager} from '../jobs/machines/manager.js'
import type {CreateBackupJobOptions, CreatedJob, CreateRestoreJobOptions} from '../jobs/machines/options.js'

import {EXIT_CODES} from '../model/errors.js'
import {DataOpsCommand} from './base-command.js'
import {batchSizeFlag, milliseconds, modeFlag, outputFlag, secondsFlag, tenantFlag} from './flags.js'
import {createdJobLines} from './job-results.js'
import {exitAtLeast} from './several.js'
import {transformFlags, transformsOf} from './transform-flags.js'

export const jobCreateFlags = {
  mode: modeFlag,
  'batch-size': batchSizeFlag,
  'if-absent': Flags.boolean({
    dependsOn: ['job'],
    description: 'Do nothing when there is a job of that name: a pod that starts again creates no second one.',
  }),
  items: Flags.integer({
    description: 'Items of each collection, about; by default one for 50,000 objects, at least 32.',
    helpValue: '<n>',
    max: 10_000,
    min: 1,
  }),
  job: Flags.string({
    description: 'Name of the job: lower-case letters, digits, dashes and dots; made when not given.',
    helpValue: '<name>',
  }),
  lease: secondsFlag({
    description:
      'Seconds after which an item whose worker does not answer is taken by another, doubled at each attempt; default 30.',
  }),
  output: outputFlag,
  tenant: tenantFlag,
  ...transformFlags,
}

/** What both kinds of jobs take. */
type CommonOptions = Pick<CreateBackupJobOptions, keyof CreateBackupJobOptions & keyof CreateRestoreJobOptions>

export abstract class JobCreateCommand extends DataOpsCommand {
  /** The job that `create` plans, or with `--if-absent` the one of that name. */
  protected async createOnce(
    flags: Interfaces.InferredFlags<typeof jobCreateFlags>,
    create: (manager: JobManager, options: CommonOptions) => Promise<CreatedJob>,
  ): Promise<CreatedJob> {
    const settings = await this.settings()
    const manager = await this.jobManager(flags.output)
    const operation = this.operation()
    const found = flags['if-absent'] && flags.job !== undefined ? await manager.find(flags.job) : undefined
    const created =
      found ??
      (await create(manager, {
        ...operation,
        onWarning(warning) {
          if (warning.code === 'ids-not-there') exitAtLeast(EXIT_CODES.INCOMPLETE)
          operation.onWarning?.(warning)
        },
        batchSize: settings.batchSize?.value,
        id: flags.job,
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
