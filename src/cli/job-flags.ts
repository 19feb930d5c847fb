/** Flags and arguments of the commands for jobs of several machines. */
import {Args} from '@oclif/core'

export const jobArgument = Args.string({description: 'Name of the job.', ignoreStdin: true, required: true})
