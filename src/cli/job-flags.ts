/** Flags and arguments of the commands for jobs of several machines. */
import {Args, Flags} from '@oclif/core'

import {secondsFlag} from './flags.js'

export const jobArgument = Args.string({
  description: 'Name of the job.',
  ignoreStdin: true,
  required: true,
})

export const jobFlag = Flags.string({
  description: 'Name of the job: lower-case letters, digits and dashes; made when not given.',
  helpValue: '<name>',
})

export const ifAbsentFlag = Flags.boolean({
  dependsOn: ['job'],
  description: 'Do nothing when there is a job of that name: a pod that starts again creates no second one.',
})

export const itemsFlag = Flags.integer({
  description: 'Items of each collection, about; by default one for 50,000 objects, at least 32.',
  max: 10_000,
  min: 1,
})

export const leaseFlag = secondsFlag({
  description:
    'Seconds after which an item whose worker does not answer is taken by another, doubled at each attempt; default 30.',
})
