/** How far a job is, as anybody can see it who reaches its place. */
import type {CatalogEntry} from '../../catalog/entry.js'
import type {AsideItem, JobState, JobWorker} from './options.js'

import {inParallel} from '../../model/in-parallel.js'
import {type JobPlan, type OpenJob, queueOf} from './plan.js'

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
    sealed: await sealedOf(
      job,
      phases.filter(({done, phase}) => phase > 0 && done > 0).map(({group}) => group),
    ),
    server: plan.server,
    workers,
  }
}

async function sealedOf(job: OpenJob, groups: readonly number[]): Promise<CatalogEntry[]> {
  const sealed: CatalogEntry[] = []
  if (groups.length === 0) return sealed
  const isSeal = (number: number): boolean => {
    const item = job.plan.items[number]
    return item?.payload.do === 'seal' && groups.includes(item.group)
  }

  for await (const {result} of queueOf(job).results(isSeal)) if ('sealed' in result) sealed.push(result.sealed)
  return sealed
}

function where({items, works}: JobPlan, number: number): {collection: string; task: string} {
  const item = items[number]
  return {collection: works[item?.group ?? 0]?.schema.class ?? '', task: item?.payload.do ?? ''}
}

function whereOfPhase(plan: JobPlan, of: {group: number; phase: number}): {collection: string; task: string} {
  const first = plan.items.findIndex(({group, phase}) => group === of.group && phase === of.phase)
  return where(plan, first)
}
