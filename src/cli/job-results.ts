/** What the commands for jobs of several machines print. */
import type {AsideItem, CancelledJob, CreatedJob, JobState, JobWorker, WorkResult} from '../jobs/machines/options.js'
import type {Warning} from '../model/progress.js'

import {formatCount, plural} from '../model/plural.js'
import {type Column, formatTable} from './format.js'
import {restoreLines} from './results.js'

export function createdJobLines({collections, id, items, path}: CreatedJob, wasThere: boolean): string[] {
  const what = `${collections.join(', ')} in ${plural(items, 'item')}`
  return [wasThere ? `The job ${id} is there already: ${what}.` : `Created the job ${id}: ${what}.`, `  ${path}`]
}

/** Tenants that are named, of those that are not in a backup. */
const SKIPPED_SHOWN = 10

type Phase = JobState['phases'][number]

const PHASES: ReadonlyArray<Column<Phase>> = [
  {header: 'COLLECTION', value: ({collection}) => collection},
  {header: 'WHAT', value: ({task}) => task},
  {align: 'right', header: 'ITEMS', value: ({items}) => formatCount(items)},
  {align: 'right', header: 'DONE', value: ({done}) => formatCount(done)},
  {align: 'right', header: 'UNDER WAY', value: ({held}) => formatCount(held)},
  {align: 'right', header: 'PUT ASIDE', value: ({aside}) => formatCount(aside)},
]

const WORKERS: ReadonlyArray<Column<JobWorker>> = [
  {header: 'WORKER', value: ({host = '', pid}) => (pid === undefined ? host : `${host}, process ${pid}`)},
  {align: 'right', header: 'ITEM', value: ({item}) => String(item)},
  {header: 'WHAT', value: ({task}) => task},
  {align: 'right', header: 'ATTEMPT', value: ({attempt}) => String(attempt)},
  {header: 'SINCE', value: ({since = ''}) => since},
  {align: 'right', header: 'OBJECTS', value: ({completed}) => (completed === undefined ? '' : formatCount(completed))},
]

/** `width`: characters of a line, for its tables. */
export function jobLines(state: JobState, width?: number): string[] {
  const {aside, collections, created, id, kind, phases, restored, sealed, server, skipped, workers} = state
  return [
    `${id}: ${kind} of ${collections.join(', ')} at ${server}, created ${created}, ${endWord(state)}`,
    ...formatTable(phases, PHASES, width),
    ...(workers.length > 0 ? formatTable(workers, WORKERS, width) : []),
    ...aside.flatMap((one) => asideLines(one)),
    ...sealed.flatMap(({file, object_count: count, complete, warnings}) => {
      const objects = count === undefined ? '' : `: ${plural(count, 'object')}`
      return [`Sealed ${file}${objects}${complete === false ? ', INCOMPLETE' : ''}`, ...warningLines(warnings)]
    }),
    ...skippedLines(skipped),
    ...restored.flatMap((one) => [...restoreLines(one, {ofSeveral: true}), ...warningLines(one.warnings)]),
  ]
}

/** Whoever looks at a job has not seen what the worker said that came to its end. */
function warningLines(warnings: readonly Warning[]): string[] {
  return warnings.map(({message}) => `  Warning: ${message}`)
}

function skippedLines(skipped: JobState['skipped']): string[] {
  const shown = skipped
    .slice(0, SKIPPED_SHOWN)
    .map(({collection, reason, tenant}) => `NOT in the backup: tenant "${tenant}" of ${collection} (${reason})`)
  const more = skipped.length - shown.length
  return more > 0 ? [...shown, `… and ${plural(more, 'more tenant')}`] : shown
}

function asideLines({collection, failures, item, task}: AsideItem): string[] {
  return [
    `NOT done: item ${item} (${task}) of ${collection} failed ${plural(failures.length, 'time')}`,
    ...failures.map(({attempt, host, message}) => `  attempt ${attempt} on ${host ?? 'an unknown host'}: ${message}`),
  ]
}

export function workLines(result: WorkResult, width?: number): string[] {
  return [`Did ${plural(result.done, 'item')}.`, ...jobLines(result, width)]
}

export function cancelledLines({id, left, removed, wasOpen}: CancelledJob): string[] {
  if (!wasOpen) return [`The job ${id} had ended already; nothing was changed.`]
  return [
    `Cancelled the job ${id}.`,
    ...removed.map((path) => `  Removed ${path}`),
    ...left.map((collection) => `  ${collection} is there with a part of its backup: "col restore" goes on with it.`),
  ]
}

function endWord({end}: JobState): string {
  return {cancelled: 'cancelled', done: 'done', open: 'not finished', stuck: 'ended, but not everything is done'}[end]
}
