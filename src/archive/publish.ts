import type {Store} from '../store/store.js'

import {DataOpsError} from '../model/errors.js'
import {nextName} from './names.js'

const MAX_ATTEMPTS = 1000

/** The names that a backup may get, the wanted one first: `-2`, `-3`, … for where it is taken. */
export function* candidateNames(name: string): Generator<string> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) yield nextName(name, attempt)
}

/** Gives a finished backup its name, or the next free one. Returns the name it got. */
export async function publish(store: Store, partial: string, name: string): Promise<string> {
  // A rename that was killed halfway may have left an empty folder or file that held the name for it.
  const taken = await store.stat(name)
  const isEmpty =
    taken?.kind === 'directory' ? (await store.list(name)).length === 0 : taken?.kind === 'file' && taken.bytes === 0
  if (isEmpty) await store.remove(name)
  for (const candidate of candidateNames(name)) {
    if (await store.rename(partial, candidate)) return candidate
  }

  throw new DataOpsError('STORAGE', `All names like ${store.describe(name)} are taken.`, {
    hint: `The finished backup is ${store.describe(partial)}: rename it.`,
  })
}
