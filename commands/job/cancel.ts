import type {CancelledJob} from '../../src/jobs/machines/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {jobArgument, modeFlag, placeFlags} from '../../src/cli/flags.js'
import {cancelledLines} from '../../src/cli/job-results.js'

export default class JobCancel extends DataOpsCommand {
  static override summary = 'End a job: its workers stop, and what it has not sealed goes.'

  static override usage = '<%= command.id %> JOB [flags]'

  static override description = `Waits until its workers have stopped, or have not answered for their time, then puts tenants back that they had activated. Collections of a restore stay, with what they have: "col restore" goes on with them.`

  static override args = {job: jobArgument}

  static override flags = {...placeFlags, mode: modeFlag}

  static override examples = examples(['nightly -o s3://bucket/backups', 'Give a job up'])

  async run(): Promise<CancelledJob> {
    const {args, flags} = await this.parse(JobCancel)
    const manager = await this.jobManager(flags.output)
    const cancelled = await manager.cancel(await this.connect(), args.job, this.operation())
    this.print(cancelledLines(cancelled))
    return cancelled
  }
}
