/** A thread that checks parts of a backup, which it opens as the one that leads has done. */
import type {SealedManifest} from '../../archive/manifest.js'
import type {Offer, Peer} from '../workers/peer.js'
import type {LeaderCalls, PartThreadSetup, ThreadCalls} from './thread-calls.js'

import {checkPart} from '../../archive/hashes.js'
import {openArchiveAt, type OpenedArchive} from '../../catalog/locate.js'
import {openPlace} from '../../catalog/place-at.js'
import {damaged} from '../../store/damaged.js'
import {withEncryption} from '../../store/encryption.js'
import {openStore} from '../../store/open.js'
import {checkPartRows} from './part-rows.js'

/** `leader`: known once the thread is. */
export function partThread(leader: () => Peer<LeaderCalls>): Offer {
  let backup: OpenedArchive | undefined
  const opened = (): OpenedArchive => {
    if (!backup) throw new TypeError('the thread is not started')
    return backup
  }

  const calls: ThreadCalls = {
    async hash(part) {
      const {archive, store} = opened()
      return checkPart({manifest: archive.manifest as SealedManifest, store}, part, {
        onBytes(bytes) {
          leader()
            .call('hashed', {bytes, part})
            .catch(() => {})
        },
      })
    },
    async rows(part) {
      return checkPartRows(opened().archive, part, {
        async onPage({keys, objects}) {
          const tenants = keys.some(({tenant}) => tenant !== undefined) ? keys.map(({tenant}) => tenant) : undefined
          const ids = keys.map(({id}) => id).join('')
          await leader().call('page', {ids, objects, part, ...(tenants && {tenants})})
        },
      })
    },
    async start(setup) {
      backup = await openAgain(setup)
    },
  }
  return {...calls}
}

async function openAgain({checksum, keys, name, store}: PartThreadSetup): Promise<OpenedArchive> {
  const place = openPlace(store.place, withEncryption(openStore(store.place, store.options), keys), store.options)
  const opened = await openArchiveAt({name, store: place})
  if (opened.archive.seal?.checksum !== checksum) {
    throw damaged(opened.archive.path, 'it has another seal than a moment ago: it is being changed')
  }

  return opened
}
