import type {WorkResult} from '../../src/jobs/machines/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {
  concurrencyFlag,
  jobArgument,
  maxRateFlag,
  milliseconds,
  modeFlag,
  placeFlags,
  recipientFlags,
  retryFlags,
  retryOptions,
  secondsFlag,
} from '../../src/cli/flags.js'
import {workLines} from '../../src/cli/job-results.js'
import {countWritten} from '../../src/cli/written-exit.js'

export default class JobWork extends DataOpsCommand {
  static override summary = 'Work on a job, beside any number of others.'

  static override usage = '<%= command.id %> JOB [flags]'

  static override description = `Takes items of the job until none is left, waiting for those that others have: what a worker leaves that dies, another takes. Exit code 0: the job is done; 3: it has ended, and not everything is done, tenants that were not left out on purpose are not in the backup, or the server refused objects; 4: what was restored is not what the backup holds (with "job create restore --verify"). JOB_COMPLETION_INDEX and JOB_COMPLETIONS, which Kubernetes sets, say where in the plan to start.`

  static override args = {job: jobArgument}

  static override flags = {
    ...placeFlags,
    ...recipientFlags,
    mode: modeFlag,
    concurrency: concurrencyFlag,
    'max-rate': maxRateFlag,
    ...retryFlags,
    wait: secondsFlag({description: 'Seconds to wait for the job to be created; default 0.'}),
  }

  static override examples = examples(['nightly -o s3://bucket/backups', 'One worker more'])

  async run(): Promise<WorkResult> {
    const {args, flags} = await this.parse(JobWork)
    const manager = await this.jobManager(flags.output)
    const result = await manager.work(await this.connect(), args.job, {
      ...this.operation({}),
      ...retryOptions(flags),
      concurrency: flags.concurrency,
      hint: hintFrom(process.env),
      maxRate: flags['max-rate'],
      waitMs: milliseconds(flags.wait),
    })
    this.print(workLines(result, this.tableWidth))
    const isLacking = result.skipped.length > 0 || result.sealed.some(({complete}) => complete === false)
    if (result.end !== 'done' || isLacking) this.exitWith('INCOMPLETE')
    for (const restored of result.restored) countWritten(restored)
    return result
  }
}

/** From 0 to 1; undefined where Kubernetes, or whoever sets its variables, says nothing. */
function hintFrom(env: NodeJS.ProcessEnv): number | undefined {
  const index = Number(env.JOB_COMPLETION_INDEX ?? NaN)
  const completions = Number(env.JOB_COMPLETIONS ?? NaN)
  if (!Number.isSafeInteger(index) || index < 0) return undefined
  // Without a number of pods: places that halve what is left, as the digits of the index backwards do.
  if (!Number.isSafeInteger(completions) || completions < 1) return backwards(index)
  return (index % completions) / completions
}

/** 0, 1/2, 1/4, 3/4, 1/8, … */
function backwards(index: number): number {
  let place = 0
  for (let [rest, share] = [index, 0.5]; rest > 0; rest = Math.floor(rest / 2), share /= 2) place += (rest % 2) * share
  return place
}
