import {fileURLToPath} from 'node:url'

import type {Store} from './store.js'

import {LocalStore} from './local/store.js'
import {checkPlace} from './place.js'

/**
 * Opens the place that holds backups: a folder, by its path or `file:` URL, made when something is first written into it.
 * @throws DataOpsError INVALID_INPUT for a URL of another scheme.
 */
export function openStore(place: string): Store {
  checkPlace(place)
  return new LocalStore(place.startsWith('file:') ? fileURLToPath(place) : place)
}
