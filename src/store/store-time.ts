import type {Store} from './store.js'

import {forget} from './forget.js'
import {temporaryName} from './temporary-name.js'

/** Milliseconds since a file was last written, by the clock of its place: the times of this machine do not matter. undefined: it is not there. */
export async function unchangedFor(store: Store, name: string): Promise<number | undefined> {
  const probe = temporaryName()
  await store.put(probe, new Uint8Array())
  try {
    const entry = await store.stat(name, 'file')
    const now = await store.stat(probe, 'file')
    return entry && now && now.modified - entry.modified
  } finally {
    await forget(store, probe)
  }
}
