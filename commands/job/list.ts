import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {placeFlags} from '../../src/cli/flags.js'
import {isPlaceThere} from '../../src/cli/place.js'

export default class JobList extends DataOpsCommand {
  static override summary = 'List the jobs in a place.'

  static override usage = '<%= command.id %> [flags]'

  static override description = `By name, those that have ended too. Needs no server.`

  static override flags = {...placeFlags}

  static override examples = examples(['-o s3://bucket/backups', 'Those of a bucket'])

  async run(): Promise<{jobs: string[]}> {
    const {flags} = await this.parse(JobList)
    await isPlaceThere(flags.output, this.placeFrom)
    const manager = await this.jobManager(flags.output)
    const jobs = await manager.list()
    this.print(jobs.length > 0 ? jobs : [`There are no jobs in ${flags.output}.`])
    return {jobs}
  }
}
