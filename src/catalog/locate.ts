import type {Warning} from '../model/progress.js'
import type {Store} from '../store/store.js'

import {findContent, sealedContent} from '../archive/content.js'
import {type ReadCover} from '../archive/encrypted/cover.js'
import {checkCoverIs, unlock} from '../archive/encrypted/unlock.js'
import {pastWhatHides} from '../archive/locked.js'
import {type Manifest, readManifest, type SealedManifest} from '../archive/manifest.js'
import {parseBackupName} from '../archive/names.js'
import {Archive} from '../archive/reader.js'
import {orRemoved} from '../archive/removed-meanwhile.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {isPattern} from '../model/pattern.js'
import {isMultiTenant} from '../model/schema.js'
import {BackupCatalog} from './catalog.js'
import {findAmong} from './find.js'
import {backupsNamed, hintOf, parseBackupReference} from './named.js'
import {severalServers} from './of-server.js'
import {type BackupPlace, openPlace, placeAt, splitReference} from './place-at.js'
import {orUnread, unreadAmong, unreadBeside} from './unread.js'

export type {BackupPlace} from './place-at.js'

export interface OpenedArchive {
  archive: Archive
  /** Of an encrypted one. */
  cover?: ReadCover
  /** What it lies in as it lies there. */
  place: Store
  /** The store it lies in, which need not be the one asked. */
  store: Store
}

/**
 * Opens a backup given as for `locateBackup`.
 * @throws DataOpsError NOT_A_BACKUP, BACKUP_DAMAGED; INVALID_INPUT when it is encrypted and the keys of the store do not open it.
 */
export async function openArchive(
  reference: string,
  store: Store,
  {acceptUnsealed, onWarning}: {acceptUnsealed?: boolean; onWarning?: (warning: Warning) => void} = {},
): Promise<OpenedArchive> {
  return openArchiveAt(await locateBackup(reference, store, {onWarning}), {acceptUnsealed, reference})
}

interface OpenOptions {
  acceptUnsealed?: boolean
  reference?: string
}

/** The same, of a place that is known. */
export async function openArchiveAt(place: BackupPlace, options: OpenOptions = {}): Promise<OpenedArchive> {
  try {
    return await openAt(place, options)
  } catch (error) {
    // Of a path nobody knows whether a backup was ever there, unless something of one is.
    const {status} = place.listed ?? {}
    const wasThere = status === 'sealed' || status === 'unlisted' || isDamaged(error)
    throw wasThere ? await orRemoved(error, {name: place.name, place: place.store}) : error
  }
}

function isDamaged(error: unknown): boolean {
  return error instanceof DataOpsError && error.code === 'BACKUP_DAMAGED'
}

async function openAt(place: BackupPlace, {reference = place.name, ...options}: OpenOptions): Promise<OpenedArchive> {
  const {cover, store: files} = await unlock(place.store, place.name)
  const found = await readManifest(files, place.name, options)
  if (cover) checkCoverIs(place.store, cover, found)
  const manifest = cover ? {...found, bytes: cover.bytes} : found
  checkIdentity(reference, place, manifest)
  const opened = {cover, place: place.store, store: files}
  if (manifest.seal) {
    const archive = new Archive(files, manifest, sealedContent(manifest as SealedManifest), place.store)
    if (!options.acceptUnsealed || (await isWhole(archive))) return {archive, ...opened}
  }

  const unsealed = manifest.seal ? withoutSeal(manifest as SealedManifest) : manifest
  return {archive: await openUnsealed(files, unsealed, place.store), ...opened}
}

async function isWhole(archive: Archive): Promise<boolean> {
  const whole = archive.assertWhole().then(() => true)
  return whole.catch(insteadOf(false, 'BACKUP_DAMAGED'))
}

/** The counts and digests of a seal say nothing of what was edited since; where its parts are, nothing else says. */
function withoutSeal({seal, ...rest}: SealedManifest): Manifest {
  const parts = seal.parts.flatMap(({file, rows}) => (file === null ? [] : [{file, rows}]))
  const claims = {amendments: seal.amendments, objectCount: seal.object_count, parts, rows: seal.statistics.rows}
  return {...rest, claims, unsealed: true}
}

async function openUnsealed(store: Store, manifest: Manifest, place: Store): Promise<Archive> {
  const content = await findContent(store, manifest)
  const archive = new Archive(store, manifest, content, place)
  const {metadata, schema} = manifest
  if (!isMultiTenant(schema) || metadata.tenants || content.rows === 0) return archive
  // Nobody says which tenants it has: the objects do.
  const names = new Set<string>()
  for await (const page of archive.pages({columns: 'ids'})) {
    for (const {tenant} of page.objects) if (tenant !== undefined) names.add(tenant)
  }

  const tenants = [...names].map((name) => ({name, status: 'HOT' as const}))
  return new Archive(store, {...manifest, metadata: {...metadata, tenants}}, content, place)
}

/** What lies under the name that the catalog has for an id need no longer be that backup. */
function checkIdentity(reference: string, {listed, name, store}: BackupPlace, manifest: Manifest): void {
  if (!listed || reference === name) return
  const {claims, metadata, seal} = manifest
  const id = seal ? metadata.backup_id : claims?.backupId
  const isSame = id === undefined || id === listed.id
  const isSameContent = !seal || listed.digest === undefined || listed.digest === seal.digest
  if (isSame && isSameContent) return
  const where = store.describe(name)
  throw new DataOpsError(
    'BACKUP_DAMAGED',
    isSame
      ? `${where} has the id ${listed.id} and another content than the catalog says.`
      : `${where} is the backup ${id}, not ${listed.id} as the catalog says.`,
    {
      details: {path: where},
      hint: 'Have the catalog made anew with `BackupCatalog.reindex`. Or name the backup by its path.',
    },
  )
}

/** The places of the backups that one reference stands for. */
export interface LocatedBackups {
  /** Of those of `places` beside which there are some of other servers, what is to be said. */
  ofOneServer: Array<{name: string; warning: Warning}>
  /** Newer ones of the same collections that are not whole, and why. */
  passedOver: Array<{path: string; reason: string}>
  places: BackupPlace[]
  /** What a pattern or a run may stand for as well, and cannot be looked at now, and why: it is not among the places. */
  unread: Array<{name: string; path: string; reason: string}>
}

/**
 * Finds the place of a backup given by path, URL, id, start of an id, name, `latest`, `Article@latest`, `Article@2026-02-01`; or by `run:ID` or a pattern
 * where that stands for one. `onWarning` is told of newer ones that are not whole.
 * @throws DataOpsError NOT_A_BACKUP when there is none; INVALID_INPUT when there are several.
 */
export async function locateBackup(
  reference: string,
  store: Store,
  {onWarning}: {onWarning?: (warning: Warning) => void} = {},
): Promise<BackupPlace> {
  const {places, ...others} = await locateBackups(reference, store)
  for (const warning of warningsOf(others)) onWarning?.(warning)
  const [place] = places
  if (place && places.length === 1) return place
  const ids = places.map(({listed, name}) => listed?.id ?? name)
  throw new DataOpsError('INVALID_INPUT', `${places.length} backups are called "${reference}", and one is needed.`, {
    details: {ids},
    hint: `Name one of them: ${ids.slice(0, 3).join(', ')}.`,
  })
}

/** What is to be said of what was not taken. `isExcluded`: of a collection that nobody wants anything of. */
export function warningsOf(
  {ofOneServer, passedOver, unread}: Omit<LocatedBackups, 'places'>,
  isExcluded: (collection: string | undefined) => boolean = () => false,
): Warning[] {
  const isWanted = ({name}: {name: string}): boolean => !isExcluded(parseBackupName(name)?.collection)
  return [
    ...passedOver.map(({path, reason}) => olderTaken(path, reason)),
    ...ofOneServer.filter((each) => isWanted(each)).map(({warning}) => warning),
    ...unread.filter((each) => isWanted(each)).map(({path, reason}) => leftUnread(path, reason)),
  ]
}

/** Of a newer one that was passed over. */
function olderTaken(path: string, reason: string): Warning {
  return {
    code: 'older-taken',
    details: {path, reason},
    message: `${path} ${reason}: an older backup is taken in its place.`,
  }
}

/** Of what may be one of several that were asked for. */
function leftUnread(path: string, reason: string): Warning {
  const message = `${path} could not be looked at, and may be one of those that are meant: it is left out. ${reason}`
  return {code: 'backup-not-read', details: {path, reason}, message}
}

/** What is found in a place; where that is not there, this is what is to be mended. */
async function foundIn<T>(place: Store, find: () => Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code !== 'NOT_A_BACKUP') throw error
    if (await place.stat('').catch(() => true)) throw error
    throw error.with({hint: `Nothing is at ${place.describe('')}: name the place with \`directory\`.`})
  }
}

/** Finds the places of all backups that a reference stands for, as `locateBackup` does for one. @throws DataOpsError NOT_A_BACKUP when there is none. */
export async function locateBackups(reference: string, given: Store): Promise<LocatedBackups> {
  const store = pastWhatHides(given)
  const found = isPattern(reference) ? undefined : await placeAt(reference, store)
  if (found) return {ofOneServer: [], passedOver: [], places: [found], unread: []}
  const {folder, name} = splitReference(reference)
  const asked = parseBackupReference(name)
  if (!asked) {
    const only = await foundIn(store, async () => placeInCatalog(reference, store))
    return {ofOneServer: [], passedOver: [], places: [only], unread: []}
  }

  const place = folder === undefined ? store : openPlace(folder, store)
  const listing = await new BackupCatalog(place).listing()
  const {backups, ofOneServer, passedOver} = await foundIn(place, async () =>
    orUnread(listing, place, async () => backupsNamed(asked, listing.backups, place)),
  )
  const mayBeNewer = unreadBeside(asked, backups, listing)
  const time = asked.kind === 'at' ? asked.time : 'latest'
  return {
    ofOneServer: ofOneServer.map((one) => ({
      name: one.backup.file,
      warning: severalServers(place.describe(one.backup.file), time, one),
    })),
    passedOver: [
      ...passedOver.map(({backup, reason}) => ({path: place.describe(backup.file), reason})),
      ...mayBeNewer.map(({file, reason}) => ({
        path: place.describe(file),
        reason: `could not be looked at (${reason.replace(/\.$/, '')})`,
      })),
    ],
    places: backups.map((listed) => ({listed, name: listed.file, store: place})),
    unread: unreadAmong(asked, backups, listing).map(({file, reason}) => ({
      name: file,
      path: place.describe(file),
      reason,
    })),
  }
}

async function placeInCatalog(reference: string, store: Store): Promise<BackupPlace> {
  const listing = await new BackupCatalog(store).listing()
  const {backups} = listing
  return orUnread(listing, store, async () => {
    const entry = findAmong(backups, reference, (file) => store.describe(file))
    if (entry) return {listed: entry, name: entry.file, store}
    throw new DataOpsError(
      'NOT_A_BACKUP',
      `There is no backup "${reference}": no such path, and no such id in ${store.describe('')}.`,
      {hint: hintOf(backups, reference)},
    )
  })
}
