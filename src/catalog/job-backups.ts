/** Backups that jobs of several machines write, or wait to: nobody holds the lease of one, and what lies in its folder is not abandoned, however old. */
import type {Store} from '../store/store.js'

import {JOBS_FOLDER, METADATA_FILE} from '../archive/names.js'
import {insteadOf} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {JobPlace} from '../work/place.js'

const AT_ONCE = 8

/** Asks the place at the first question, and once. */
export class JobBackups {
  #names?: Promise<'unknown' | Set<string>>

  constructor(private readonly store: Store) {}

  /** Whether a backup that is not sealed is one of a job that was not cancelled, or may be: of a plan that is not understood nobody knows. */
  async has(backup: string): Promise<boolean> {
    this.#names ??= namesOfAll(this.store)
    const names = await this.#names
    if (names !== 'unknown' && !names.has(backup)) return false
    return (await this.store.stat(`${backup}/${METADATA_FILE}`, 'file')) === undefined
  }
}

async function namesOfAll(store: Store): Promise<'unknown' | Set<string>> {
  const folders = (await store.list(JOBS_FOLDER)).filter(({kind}) => kind === 'directory')
  const all = await inParallel(folders, {atOnce: AT_ONCE}, async ({name}) => namesOf(store, `${JOBS_FOLDER}/${name}`))
  const names = new Set<string>()
  for (const each of all) {
    if (each === 'unknown') return each
    for (const name of each) names.add(name)
  }

  return names
}

async function namesOf(store: Store, folder: string): Promise<'unknown' | string[]> {
  const place = new JobPlace(store, folder)
  if (await place.isCancelled()) return []
  const read = await place.readPlan().catch(insteadOf('unknown' as const, 'STORAGE'))
  if (read === 'unknown') return read
  const plan = read as undefined | {kind?: unknown; works?: unknown}
  if (plan === undefined || plan.kind === 'restore') return []
  if (!Array.isArray(plan.works)) return 'unknown'
  const names = plan.works.map((work: undefined | {name?: unknown}) => work?.name)
  return names.every((name) => typeof name === 'string') ? names : 'unknown'
}
