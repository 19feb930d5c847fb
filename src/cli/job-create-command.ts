/** What the commands that plan a job of several machines have in common. */
import type {Interfaces} from '@oclif/core'

import type {JobManager} from '../jobs/machines/manager.js'
import type {CreateBackupJobOptions, CreatedJob, CreateRestoreJobOptions} from '../jobs/machines/options.js'

import {EXIT_CODES} from '../model/errors.js'
import {DataOpsCommand} from './base-command.js'
import {batchSizeFlag, milliseconds, modeFlag, outputFlag, tenantFlag} from './flags.js'
import {ifAbsentFlag, itemsFlag, jobFlag, leaseFlag} from './job-flags.js'
import {createdJobLines} from './job-results.js'
import {exitAtLeast} from './several.js'
import {transformFlags, transformsOf} from './transform-flags.js'

export const jobCreateFlags = {
  mode: modeFlag,
  'batch-size': batchSizeFlag,
  'if-absent': ifAbsentFlag,
  items: itemsFlag,
  job: jobFlag,
  lease: leaseFlag,
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
