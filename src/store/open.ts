import type {ObjectClient} from './objects/client.js'
import type {Store} from './store.js'

import {belowOf} from '../model/overlay.js'
import {checkPositiveInteger} from '../model/positive-integer.js'
import {encryptionOf} from './encryption.js'
import {LocalStore} from './local/store.js'
import {ObjectStore} from './objects/store.js'
import {parsePlace, type Place} from './place.js'

/** How a place is opened. */
export interface OpenStoreOptions {
  /** Of the storage account of an `az://` place. Default: the identity that Azure's SDK finds. */
  azureConnectionString?: string
  /** In object storage the keys begin with a slash, as some programs write them: `s3://bucket//prefix`. Default: false. */
  isRooted?: boolean
  /** Permissions of the files that are written in folders; default 0600. Folders get the matching ones. */
  mode?: number
  /** Writes also where the service does not keep conditions of writes: for a single writer at a time. Default: false. */
  unsafePlace?: boolean
  /** Long writes to object storage that go on at once, in this thread and in others: the 32 MiB that may be on their way are theirs together. Default: 1. */
  writers?: number
}

let defaults: OpenStoreOptions = {}

/** What `openStore` takes where it is given nothing, in this whole process: for programs, which alone read the environment. */
export function setStoreDefaults(options: OpenStoreOptions): void {
  defaults = options
}

/**
 * Opens the place that holds backups: a folder, by its path or `file:` URL, made when something is first written into it; or a prefix in
 * object storage (`s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix`), whose client is loaded when something is
 * first asked of it.
 * @throws DataOpsError INVALID_INPUT for a URL of another scheme, and for `writers` that are no number of any.
 */
export function openStore(place: string, options: OpenStoreOptions = {}): Store {
  checkPositiveInteger(options.writers, 'number of writers')
  const parsed = parsePlace(place)
  const all = {...defaults, ...options}
  const {azureConnectionString, isRooted, mode, unsafePlace, writers} = all
  const store =
    parsed.kind === 'file'
      ? new LocalStore(parsed.path, {mode})
      : new ObjectStore({
          connect: async () => connect(parsed, azureConnectionString),
          isUnsafe: unsafePlace,
          writers,
          ...(isRooted ? rooted(parsed) : {prefix: parsed.prefix, url: parsed.url}),
        })
  OPENED.set(store, {defaults, options: all, place})
  return store
}

/** The same place, where its keys begin with a slash. */
function rooted({prefix, url}: Exclude<Place, {kind: 'file'}>): {prefix: string; url: string} {
  const root = prefix === '' ? url : url.slice(0, -prefix.length)
  return {prefix: `/${prefix}`, url: `${root}/${url.slice(root.length)}`}
}

/** What another thread opens the same place by. May hold a secret: it is told to nobody else. */
export interface OpenAgain {
  /** Of its process: what other places are opened with, of which a thread has none of its own. */
  defaults: OpenStoreOptions
  options: OpenStoreOptions
  place: string
}

const OPENED = new WeakMap<Store, OpenAgain>()

/** Says of a decorated store that it is that place, too. */
export function asOpened<T extends Store>(decorated: T, store: Store): T {
  const opened = storeOpenedAs(store)
  if (opened) OPENED.set(decorated, opened)
  return decorated
}

/**
 * Opens another place with what the store was opened with, as far as that is meant for it: what opens a storage account in that
 * account, leave to go without conditions of writes in that bucket or container.
 * @throws DataOpsError INVALID_INPUT.
 */
export function openStoreLike(place: string, store: Store, options?: OpenStoreOptions): Store {
  const opened = openedBelow(store)
  return openStore(place, {...(opened && optionsFor(place, opened)), ...options})
}

function openedBelow(store: Store): OpenAgain | undefined {
  for (let at: Store | undefined = store; at; at = belowOf(at)) {
    const opened = OPENED.get(at)
    if (opened) return opened
  }

  return undefined
}

function optionsFor(place: string, {options, place: from}: OpenAgain): OpenStoreOptions {
  const [one, other] = [parsePlace(place), parsePlace(from)]
  const {azureConnectionString, unsafePlace} = options
  return {
    ...(one.kind === 'az' && other.kind === 'az' && one.account === other.account && {azureConnectionString}),
    ...(bucketOf(one) !== undefined && bucketOf(one) === bucketOf(other) && {unsafePlace}),
  }
}

function bucketOf(place: Place): string | undefined {
  return place.kind === 'file' ? undefined : place.url.slice(0, place.url.length - place.prefix.length)
}

/** Undefined for a store of somebody else's making. `store`: as `openStore` made it, perhaps with keys for encrypted backups. */
export function storeOpenedAs(store: Store): OpenAgain | undefined {
  return OPENED.get(encryptionOf(store).below ?? store)
}

/** Each SDK is loaded by who needs it alone. */
async function connect(place: Exclude<Place, {kind: 'file'}>, connectionString?: string): Promise<ObjectClient> {
  if (place.kind === 's3') return (await import('./s3/client.js')).connectS3(place.bucket)
  if (place.kind === 'gs') return (await import('./gcs/client.js')).connectGcs(place.bucket)
  return (await import('./azure/client.js')).connectAzure({...place, connectionString})
}

/** A folder of this host, for what must not lie beside the backups: this user's alone, whatever their permissions. */
export function stateOf(store: Store, stateDirectory: string | undefined): Store | undefined {
  return stateDirectory === undefined ? undefined : openStoreLike(stateDirectory, store, {mode: undefined})
}
