import type {Store} from './store.js'

import {LocalStore} from './local/store.js'

/** Opens the place that holds backups: a folder, made when something is first written into it. */
export function openStore(place: string): Store {
  return new LocalStore(place)
}
