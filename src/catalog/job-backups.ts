/** Backups that jobs of several machines write, or wait to: nobody holds the lease of one, and what lies in its folder is not abandoned, however old. */
import type {Store} from '../store/store.js'

import {JOBS_FOLDER, METADATA_FILE, parseBackupName} from '../archive/names.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {JobPlace} from '../work/place.js'
import {readEntryOf} from './entry.js'

const AT_ONCE = 8

/** Asks the place at the first question, and once. */
export class JobBackups {
  #planned?: Promise<'unknown' | Planned[]>

  constructor(private readonly store: Store) {}

  /**
   * Whether a folder may hold what a job that was not cancelled is to seal: of a plan that is not understood nobody knows. Where somebody
   * else's backup has its name, the parts lie in there until they are brought to the next free one.
   */
  async has(folder: string): Promise<boolean> {
    this.#planned ??= plannedOfAll(this.store)
    const planned = await this.#planned
    const ids =
      planned === 'unknown' ? ['unknown'] : planned.filter(({name}) => mayComeTo(name, folder)).map(({id}) => id)
    if (ids.length === 0) return false
    if (!(await this.store.stat(`${folder}/${METADATA_FILE}`, 'file'))) return true
    if (planned === 'unknown') return true
    const sealed = await readEntryOf(this.store, folder).catch(insteadOf(undefined, isNoBackup))
    return ids.some((id) => id !== sealed?.id)
  }
}

interface Planned {
  /** Of the backup that it is to be. */
  id: string
  name: string
}

/** Whether a backup of that name may be sealed in a folder: its own, or one of those that follow. */
function mayComeTo(name: string, folder: string): boolean {
  const [from, to] = [parseBackupName(name), parseBackupName(folder)]
  if (!from || !to) return name === folder
  const isSame = from.collection === to.collection && from.startedAt.getTime() === to.startedAt.getTime()
  return isSame && from.kind === to.kind && from.attempt <= to.attempt
}

function isNoBackup(error: unknown): boolean {
  return error instanceof DataOpsError && error.code !== 'STORAGE'
}

async function plannedOfAll(store: Store): Promise<'unknown' | Planned[]> {
  const folders = (await store.list(JOBS_FOLDER)).filter(({kind}) => kind === 'directory')
  const all = await inParallel(folders, {atOnce: AT_ONCE}, async ({name}) => plannedIn(store, `${JOBS_FOLDER}/${name}`))
  return all.includes('unknown') ? 'unknown' : all.flatMap((each) => (each === 'unknown' ? [] : each))
}

interface Work {
  head?: {metadata?: {backup_id?: unknown}}
  name?: unknown
}

async function plannedIn(store: Store, folder: string): Promise<'unknown' | Planned[]> {
  const place = new JobPlace(store, folder)
  if (await place.isCancelled()) return []
  const read = await place.readPlan().catch(insteadOf('unknown' as const, 'STORAGE'))
  if (read === 'unknown') return read
  const plan = read as undefined | {kind?: unknown; works?: unknown}
  if (plan === undefined || plan.kind === 'restore') return []
  if (!Array.isArray(plan.works)) return 'unknown'
  const planned = plan.works.map((work: undefined | Work) => ({id: work?.head?.metadata?.backup_id, name: work?.name}))
  return planned.every((each): each is Planned => typeof each.id === 'string' && typeof each.name === 'string')
    ? planned
    : 'unknown'
}
