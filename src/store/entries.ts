import type {StoreEntry} from './store.js'

/** A folder that has no time of its own. */
export function folderEntry(name: string): StoreEntry {
  return {bytes: 0, kind: 'directory', modified: 0, name}
}

/** Orders what has a name. */
export function byName(a: {name: string}, b: {name: string}): number {
  return a.name < b.name ? -1 : Number(a.name > b.name)
}
