/** How far a job is, as anybody can see it who reaches its place. */
import type {PhaseState} from '../../work/queue.js'
import type {RestoreResult} from '../restore/options.js'
import type {AsideItem, JobState, JobWorker, SealedByJob} from './options.js'

import {inParallel} from '../../model/in-parallel.js'
import {lostResult} from './items.js'
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
    const {attempt, holder, note} = record
    const {host, pid, since} = holder ?? {}
    const {completed} = (note ?? {}) as {completed?: number}
    const {task} = where(plan, number)
    return [{attempt, ...(completed !== undefined && {completed}), host, item: number, pid, since, task}]
  })
  return {
    aside: asides,
    collections: plan.works.map(({schema}) => schema.class),
    created: plan.created,
    end,
    id: plan.id,
    kind: plan.kind,
    phases: phases.map((phase) => ({...phase, ...whereOfPhase(plan, phase)})),
    ...(await endsOf(job, phases)),
    server: plan.server,
    skipped: skippedOf(plan),
    workers,
  }
}

function skippedOf(plan: JobPlan): JobState['skipped'] {
  if (plan.kind !== 'backup') return []
  return plan.works.flatMap(({schema: {class: collection}, scope}) =>
    (scope?.skipped ?? []).map(({name: tenant, reason}) => ({collection, reason, tenant})),
  )
}

/** What has come to its end. @throws DataOpsError STORAGE when that is not there any more: nobody knows whether all went well. */
async function endsOf(job: OpenJob, phases: readonly PhaseState[]): Promise<Pick<JobState, 'restored' | 'sealed'>> {
  const restored: RestoreResult[] = []
  const sealed: SealedByJob[] = []
  for (const {done, group, phase} of phases) {
    const ends = job.plan.items.flatMap(({group: own, payload, phase: of}, number) =>
      own === group && of === phase && ['end', 'seal'].includes(payload.do) ? [number] : [],
    )
    if (done === 0 || ends.length === 0) continue
    const missing = new Set(ends)
    for await (const {number, result} of queueOf(job).results((each) => missing.has(each))) {
      missing.delete(number)
      if ('sealed' in result) sealed.push({...result.sealed, warnings: result.warnings})
      else if ('restored' in result) restored.push(result.restored)
    }

    const [lost] = missing
    if (lost !== undefined && ends.length - missing.size < done) throw lostResult(job, lost)
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
