/** Names that may stand for another backup at any later time: `latest`, a date, a pattern, a run that goes on. */
import type {BackupPlace} from '../catalog/locate.js'
import type {OperationOptions} from '../model/progress.js'
import type {Store} from '../store/store.js'

import {DataOpsError, insteadOf} from '../model/errors.js'

/** Paths and URLs of what such names stand for now. */
export type Places = ReadonlyMap<string, readonly string[]>

/** Whether it does; ids, paths and names of files stand for one backup for ever. */
export async function isMoving(reference: string): Promise<boolean> {
  const [{parseBackupReference}, {splitReference}] = await Promise.all([
    import('../catalog/named.js'),
    import('../catalog/place-at.js'),
  ])
  return parseBackupReference(splitReference(reference).name) !== undefined
}

/** The one backup of that name. `reference`: what stands for it for ever. @throws DataOpsError as `locateBackup`. */
export async function locateOne(
  reference: string,
  store: Store,
  {onWarning}: Pick<OperationOptions, 'onWarning'>,
): Promise<{place: BackupPlace; places: Places; reference: string}> {
  const {locateBackup} = await import('../catalog/locate.js')
  const place = await locateBackup(reference, store, {onWarning})
  const path = place.store.describe(place.name)
  if (place.listed === undefined || !(await isMoving(reference))) return {place, places: new Map(), reference}
  return {place, places: new Map([[reference, [path]]]), reference: path}
}

/** The same where nobody needs its place yet: what stands for one backup already is looked up by who does. */
export async function nameForEver(
  reference: string,
  store: Store,
  options: Pick<OperationOptions, 'onWarning'>,
): Promise<{places: Places; reference: string}> {
  return (await isMoving(reference)) ? locateOne(reference, store, options) : {places: new Map(), reference}
}

/** Of those that move; what leads nowhere is said by who needs it. */
export async function placesOf(references: readonly string[], store: Store): Promise<Places> {
  const {locateBackups} = await import('../catalog/locate.js')
  const places = new Map<string, string[]>()
  for (const reference of references) {
    const isOne = isMoving(reference).catch(insteadOf(false, (error) => error instanceof DataOpsError))
    if (!(await isOne)) continue
    const found = locateBackups(reference, store).catch(insteadOf(undefined, (error) => error instanceof DataOpsError))
    const paths = (await found)?.places.map(({name, store: place}) => place.describe(name))
    if (paths) places.set(reference, paths)
  }

  return places
}
