/** A thread that checks parts of a backup, which it opens as the one that leads has done. */
import type {SealedManifest} from '../../archive/manifest.js'
import type {Archive} from '../../archive/reader.js'
import type {LeaderCalls, PartThreadSetup, ThreadCalls} from './thread-calls.js'

import {type CheckedPart, type PartChecker, partCheckOf} from '../../archive/hashes.js'
import {openArchiveAt, type OpenedArchive} from '../../catalog/locate.js'
import {asPlace} from '../../catalog/place-at.js'
import {damaged} from '../../store/damaged.js'
import {openStore, setStoreDefaults} from '../../store/open.js'
import {type Offer, type Peer, started} from '../workers/peer.js'
import {checkPartRows} from './part-rows.js'

/** `leader`: known once the thread is. */
export function partThread(leader: () => Peer<LeaderCalls>): Offer {
  let thread: undefined | {archive: Archive; check: PartChecker['check']}

  const check = async (part: number, isProven: boolean): Promise<CheckedPart> =>
    started(thread).check(part, {
      isProven,
      onBytes(bytes) {
        leader()
          .call('hashed', {bytes, part})
          .catch(() => {})
      },
    })

  const calls: ThreadCalls = {
    hash: async (part) => check(part, false),
    prove: async (part) => check(part, true),
    async rows(part) {
      return checkPartRows(started(thread).archive, part, {
        async onPage({keys, objects}) {
          const tenants = keys.some(({tenant}) => tenant !== undefined) ? keys.map(({tenant}) => tenant) : undefined
          const ids = keys.map(({id}) => id).join('')
          await leader().call('page', {ids, objects, part, ...(tenants && {tenants})})
        },
      })
    },
    async start(setup) {
      const {archive, store} = await openAgain(setup)
      thread = {archive, check: partCheckOf({manifest: archive.manifest as SealedManifest, store})}
    },
  }
  return {...calls}
}

async function openAgain({checksum, keys, name, store}: PartThreadSetup): Promise<OpenedArchive> {
  // Parts may lie in an export, which is another place.
  setStoreDefaults(store.defaults)
  const place = asPlace(openStore(store.place, store.options), keys)
  const opened = await openArchiveAt({name, store: place})
  if (opened.archive.seal?.checksum !== checksum) {
    throw damaged(opened.archive.path, 'it has another seal than a moment ago: it is being changed')
  }

  return opened
}
