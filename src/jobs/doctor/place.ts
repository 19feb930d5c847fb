/** Whether backups can lie where they are to, and what killed runs left there. Writes one small object, and removes it. */
import type {Store} from '../../store/store.js'

import {SEES_LOCKS} from '../../archive/locked.js'
import {BackupCatalog, type ListedBackup} from '../../catalog/catalog.js'
import {leftoversIn} from '../../catalog/leftovers.js'
import {type Listing} from '../../catalog/listing.js'
import {utf8} from '../../codec/bytes.js'
import {plural} from '../../model/plural.js'
import {randomHex} from '../../platform/node.js'
import {clocksApart} from '../../store/clock.js'
import {readAll} from '../../store/read-all.js'
import {freeSpace} from '../../store/storage-error.js'
import {tenantNotes} from '../options.js'
import {type Finding, ok} from './finding.js'
import {attempt, CLOCK_TOLERANCE} from './server.js'

export interface PlaceOptions {
  /** Bytes that may still be written; undefined: unknown. Default: asked of the file system. */
  freeBytes?: (place: string) => Promise<number | undefined>
  /** Milliseconds since 1970. */
  now: () => number
  stateDirectory?: string
}

export async function examinePlace(store: Store, options: PlaceOptions): Promise<Finding[]> {
  const writable = await attempt('place', async () => tryOut(store, options))
  const isThere = writable.every(({check, level}) => !(check === 'place' && level === 'error'))
  if (!isThere) return writable
  let listed: Promise<Listing> | undefined
  const list: List = async () => {
    listed ??= new BackupCatalog(store).listing()
    return listed
  }

  return [
    ...writable,
    ...(await attempt('space', async () => space(store, list, options))),
    ...(await attempt('catalog', async () => catalog(store, list))),
    ...(await attempt('locks', async () => locks(store))),
    ...(await attempt('leftovers', async () => leftovers(store))),
    ...(await attempt('tenants', async () => tenants(store, options))),
  ]
}

async function tryOut(store: Store, {now}: PlaceOptions): Promise<Finding[]> {
  const key = `.elysia-${randomHex(8)}.tmp`
  const [mine, other] = [utf8('mine'), utf8('other')]
  const findings: Finding[] = []
  try {
    const isNew = (await store.stat('')) === undefined
    const before = now()
    const tag = await store.put(key, mine, {ifAbsent: true})
    const again = await store.put(key, other, {ifAbsent: true})
    const stands = new TextDecoder().decode(await readAll(store, key))
    const entry = await store.stat(key)
    const isHonoured = tag !== undefined && again === undefined && stands === 'mine'
    findings.push(
      ok('place', `Backups can be written to ${store.describe('')}${isNew ? ', where nothing was' : ''}.`),
      conditionsFinding(store, isHonoured),
    )
    // Some folders keep time in steps of two seconds.
    const off = entry ? clocksApart(entry.modified, before - 1000, now() + 2000) : 0
    if (off > CLOCK_TOLERANCE) {
      findings.push({
        check: 'clock',
        details: {milliseconds: off},
        hint: 'Let it follow NTP: the ends of locks, and the times that you see, go by it.',
        level: 'warning',
        message: `The clock of ${store.describe('')} and this one are ${Math.round(off / 1000)} seconds apart.`,
      })
    }
  } finally {
    await store.remove(key).catch(() => undefined)
  }

  return findings
}

function conditionsFinding(store: Store, isHonoured: boolean): Finding {
  if (isHonoured) return ok('conditions', 'What is to be written only where nothing stands is not written over.')
  return {
    check: 'conditions',
    code: 'STORAGE',
    hint: 'Do not keep backups there: two processes could write over each other. Use a folder on a local disk, or object storage that honours conditional writes.',
    level: 'error',
    message: `${store.describe('')} does not honour "only if nothing is there".`,
  }
}

/** Of the catalog, read once. */
type List = () => Promise<Listing>

async function space(store: Store, list: List, {freeBytes = freeOnDisk}: PlaceOptions): Promise<Finding | Finding[]> {
  const place = store.describe('')
  const free = await freeBytes(place)
  if (free === undefined) {
    return {check: 'space', level: 'unknown', message: `How much room there is at ${place} cannot be found out.`}
  }

  const needed = neededBy((await list()).backups)
  const megabytes = (bytes: number): string => {
    if (bytes < 1e6) return 'less than 1 MB'
    return bytes < 1e10
      ? `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`
      : `${Math.round(bytes / 1e9).toLocaleString('en-US')} GB`
  }

  if (free >= needed)
    return ok('space', `${megabytes(free)} are free; the newest backups take ${megabytes(needed)}.`, {free, needed})
  return {
    check: 'space',
    code: 'STORAGE',
    details: {free, needed},
    hint: 'Make room: `BackupCatalog.prune` removes old backups. Or write compressed ones with `compress: true`.',
    level: 'warning',
    message: `${megabytes(free)} are free at ${place}, and the newest backups take ${megabytes(needed)}: the next run may not fit.`,
  }
}

/** The next run writes about what the newest backup of each collection takes; of several servers', the largest. `backups`: newest first. */
function neededBy(backups: readonly ListedBackup[]): number {
  let needed = 0
  for (const ofIt of Map.groupBy(backups, ({collection}) => collection).values()) {
    // Those that do not say their server are as good as replaced by a newer one that does.
    const said = ofIt[0]?.server === undefined ? ofIt : ofIt.filter(({server}) => server !== undefined)
    const ofServers = [...Map.groupBy(said, ({server}) => server).values()]
    needed += Math.max(...ofServers.map(([newest]) => newest?.size ?? 0))
  }

  return needed
}

/** Of the folder, or the one that it will be made in. */
async function freeOnDisk(place: string): Promise<number | undefined> {
  return /^[a-z][a-z\d+.-]+:\/\//i.test(place) ? undefined : (await freeSpace(place))?.bytes
}

async function catalog(store: Store, list: List): Promise<Finding[]> {
  const {backups, unread} = await list()
  const findings = backups.flatMap((backup): Finding | Finding[] => {
    const where = store.describe(backup.file)
    const details = {id: backup.id, path: where}
    if (backup.status === 'missing') {
      const hint = 'Put it back, or drop its entry with `BackupCatalog.reindex`.'
      return {check: 'catalog', details, hint, level: 'warning', message: `${where} is listed, and gone.`}
    }

    if (backup.status === 'damaged') {
      const hint = `Do not count on it: back up "${backup.collection}" again, and see what is wrong with \`verifyBackup\`.`
      return {check: 'catalog', details, hint, level: 'warning', message: `${where} has not the size that it had.`}
    }

    return []
  })
  for (const {file, reason} of unread) {
    const where = store.describe(file)
    const hint = 'Let it be read by whoever works there, then look again.'
    const message = `Whether ${where} is a whole backup is not known. ${reason}`
    findings.push({check: 'catalog', details: {path: where, reason}, hint, level: 'unknown', message})
  }

  const unlisted = backups.filter(({status}) => status === 'unlisted').length
  if (unlisted > 0) {
    const hint = 'Enter them with `BackupCatalog.reindex`.'
    findings.push({
      check: 'catalog',
      hint,
      level: 'warning',
      message: `${plural(unlisted, 'backup is', 'backups are')} not in the catalog.`,
    })
  }

  return findings.length > 0
    ? findings
    : [ok('catalog', `The catalog and its ${backups.length === 1 ? 'one backup' : `${backups.length} backups`} agree.`)]
}

async function locks(store: Store): Promise<Finding | Finding[]> {
  if (!store.locks || (await store.locks.areOn()) !== undefined) return []
  return {
    check: 'locks',
    hint: SEES_LOCKS,
    level: 'unknown',
    message: `Whether backups are locked cannot be asked at ${store.describe('')}: none is pruned, removed or continued there.`,
  }
}

async function leftovers(store: Store): Promise<Finding | Finding[]> {
  const found = await leftoversIn(store)
  if (found.length === 0) return ok('leftovers', 'Killed runs left nothing behind.')
  return found.map(({hint, kind, name, what}) => {
    const where = store.describe(name)
    const level = kind === 'unread' ? 'unknown' : 'warning'
    return {check: 'leftovers', details: {path: where}, hint, level, message: `${where} ${what}.`}
  })
}

async function tenants(store: Store, {stateDirectory}: PlaceOptions): Promise<Finding[]> {
  const left = await tenantNotes(store, stateDirectory).left()
  const unreadable = left.unreadable.map(({path: where, reason}): Finding => ({
    check: 'tenants',
    details: {path: where, reason},
    level: 'unknown',
    message: `Which tenants a killed run has left active is not known: ${where} cannot be read.`,
  }))
  const active = left.tenants.map(({path: where, server, since, tenants: names}): Finding => ({
    check: 'tenants',
    details: {path: where, server, since, tenants: names.length},
    hint: `Any job on ${[...new Set(names.map(({collection}) => `"${collection}"`))].join(', ')} puts them back.`,
    level: 'warning',
    message: `${plural(names.length, 'tenant')} at ${server} may have been left active by a run that was killed (${since}).`,
  }))
  return [...unreadable, ...active]
}
