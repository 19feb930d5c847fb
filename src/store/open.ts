import type {Store} from './store.js'

import {LocalStore} from './local/store.js'
import {ObjectStore} from './objects/store.js'
import {parsePlace} from './place.js'

export interface OpenStoreOptions {
  /** Writes also where the service does not keep conditions of writes: for a single writer at a time. Default: false. */
  unsafePlace?: boolean
}

/**
 * Opens the place that holds backups: a folder, by its path or `file:` URL, made when something is first written into it; or a prefix in
 * object storage (`s3://bucket/prefix`), whose client is loaded when something is first asked of it.
 * @throws DataOpsError INVALID_INPUT for a URL of another scheme.
 */
export function openStore(place: string, {unsafePlace = false}: OpenStoreOptions = {}): Store {
  const parsed = parsePlace(place)
  if (parsed.kind === 'file') return new LocalStore(parsed.path)
  const {kind, prefix, url} = parsed
  return new ObjectStore({
    async connect() {
      if (kind === 's3') return (await import('./s3/client.js')).connectS3(parsed.bucket)
      throw new Error(kind)
    },
    isUnsafe: unsafePlace,
    prefix,
    url,
  })
}
