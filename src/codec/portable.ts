/** The platform that is nowhere else: pure JavaScript, for browsers and edge workers. */
import {sha256} from '@noble/hashes/sha2.js'

import type {IncrementalHash, Platform} from './codec.js'

import {portableGunzip, portableGzip} from './gzip.js'

/** Works anywhere; on Node, `nodePlatform` does the same several times faster. It has no zstd. */
export const portablePlatform: Platform = {
  createSha256(): IncrementalHash {
    const hash = sha256.create()
    return {
      digest: () => hash.digest(),
      update(bytes) {
        hash.update(bytes)
      },
    }
  },
  gunzip: portableGunzip,
  gzip: async (bytes) => portableGzip(bytes),
  sha256: (bytes) => sha256(bytes),
}
