import type {JobState} from '../../src/jobs/machines/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {jobArgument, placeFlags} from '../../src/cli/flags.js'
import {jobLines} from '../../src/cli/job-results.js'

export default class JobShow extends DataOpsCommand {
  static override summary = 'Show how far a job is, who works on it, and what failed.'

  static override usage = '<%= command.id %> JOB [flags]'

  static override description = `Reads what lies in the place of the backups, and needs no server. A job that works on says more from time to time: ask again. The exit code is 0 whatever the state of the job; --json has it as "end".`

  static override args = {job: jobArgument}

  static override flags = {...placeFlags}

  static override examples = examples(['nightly -o s3://bucket/backups --json', 'For a script'])

  async run(): Promise<JobState> {
    const {args, flags} = await this.parse(JobShow)
    const manager = await this.jobManager(flags.output)
    const state = await manager.show(args.job)
    this.print(jobLines(state, this.tableWidth))
    return state
  }
}
