/** ChaCha20-Poly1305 of OpenSSL. */
import {createCipheriv, createDecipheriv, randomBytes as cryptoRandomBytes} from 'node:crypto'

import {type ChunkCipher, TAG_BYTES} from '../codec/age/payload.js'

const NAME = 'chacha20-poly1305'

export const nodeChunkCipher: ChunkCipher = {
  open(key, nonce, sealed) {
    if (sealed.length < TAG_BYTES) return undefined
    const decipher = createDecipheriv(NAME, key, nonce, {authTagLength: TAG_BYTES})
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
    const text = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
    try {
      decipher.final()
      return text
    } catch {
      return undefined
    }
  },
  seal(key, nonce, text) {
    const cipher = createCipheriv(NAME, key, nonce, {authTagLength: TAG_BYTES})
    const sealed = cipher.update(text)
    cipher.final()
    return [sealed, cipher.getAuthTag()]
  },
}

/** Unpredictable bytes. */
export function randomBytes(count: number): Uint8Array {
  return cryptoRandomBytes(count)
}
