/** How far a job is, as anybody can see it who reaches its place. */
import type {CatalogEntry} from '../../catalog/entry.js'
import type {RestoreResult} from '../restore/options.js'
import type {AsideItem, JobState, JobWorker} from './options.js'

import {inParallel} from '../../model/in-parallel.js'
import {collectionOf, type JobPlan, type OpenJob, queueOf} from './plan.js'

const AT_ONCE = 8

export async function stateOf(job: OpenJob): Promise<JobState> {
  const {place, plan} = job
  const {aside, end, held, phases} = await queueOf(job).state()
  const records = async (numbers: readonly number[]) =>
    inParallel(numbers, {atOnce: AT_ONCE}, async (number) => ({number, record: await place.readRecord(number)}))
  const asides = (await records(aside)).map(({number, record}): AsideItem => ({
    ...where(plan, number),
    failures: record?.failures ?? [],
    item: number,
  }))
  const workers = (await records(held)).flatMap(({number, record}): JobWorker[] => {
    if (record?.state !== 'taken') return []
    const {attempt, holder = {}, note} = record
    const completed = (note as undefined | {completed?: number})?.completed
    return [
      {
        attempt,
        ...(completed !== undefined && {completed}),
        host: holder.host,
        item: number,
        pid: holder.pid,
        since: holder.since,
        task: where(plan, number).task,
      },
    ]
  })
  return {
    aside: asides,
    collections: plan.works.map(({schema}) => schema.class),
    created: plan.created,
    end,
    id: plan.id,
    kind: plan.kind,
    phases: phases.map((phase) => ({...phase, ...whereOfPhase(plan, phase)})),
    ...(await endsOf(
      job,
      phases.filter(({done, phase}) => phase > 0 && done > 0).map(({group}) => group),
    )),
    server: plan.server,
    workers,
  }
}

/** What has come to its end, of groups of which something has. */
async function endsOf(job: OpenJob, groups: readonly number[]): Promise<Pick<JobState, 'restored' | 'sealed'>> {
  const restored: RestoreResult[] = []
  const sealed: CatalogEntry[] = []
  if (groups.length === 0) return {restored, sealed}
  const isEnd = (number: number): boolean => {
    const item = job.plan.items[number]
    return item !== undefined && ['end', 'seal'].includes(item.payload.do) && groups.includes(item.group)
  }

  for await (const {result} of queueOf(job).results(isEnd)) {
    if ('sealed' in result) sealed.push(result.sealed)
    else if ('restored' in result) restored.push(result.restored)
  }

  return {restored, sealed}
}

function where(plan: JobPlan, number: number): {collection: string; task: string} {
  const item = plan.items[number]
  return {collection: item ? collectionOf(plan, item) : '', task: item?.payload.do ?? ''}
}

function whereOfPhase(plan: JobPlan, of: {group: number; phase: number}): {collection: string; task: string} {
  const items = plan.items.filter(({group, phase}) => group === of.group && phase === of.phase)
  const collections = new Set(items.map((item) => collectionOf(plan, item)))
  return {collection: [...collections].join(', '), task: items[0]?.payload.do ?? ''}
}
