/** ChaCha20-Poly1305 of OpenSSL. */
import {createCipheriv, createDecipheriv, createSecretKey, randomBytes as cryptoRandomBytes} from 'node:crypto'

import {type ChunkCipher, TAG_BYTES} from '../codec/age/payload.js'
import {throwIfOutOfMemory} from '../model/errors.js'

const NAME = 'chacha20-poly1305'

/** `bytes`: 32, of the key. */
export function nodeChunkCipher(bytes: Uint8Array): ChunkCipher {
  // Bytes would be made into a key for each chunk: 25 µs, a third of what opening one takes.
  const key = createSecretKey(bytes)
  return {
    open(nonce, sealed) {
      if (sealed.length < TAG_BYTES) return undefined
      const decipher = createDecipheriv(NAME, key, nonce, {authTagLength: TAG_BYTES})
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
      const text = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
      try {
        decipher.final()
        return text
      } catch (error) {
        throwIfOutOfMemory(error)
        return undefined
      }
    },
    seal(nonce, text) {
      const cipher = createCipheriv(NAME, key, nonce, {authTagLength: TAG_BYTES})
      const sealed = cipher.update(text)
      cipher.final()
      return [sealed, cipher.getAuthTag()]
    },
  }
}

/** Unpredictable bytes. */
export function randomBytes(count: number): Uint8Array {
  return cryptoRandomBytes(count)
}
