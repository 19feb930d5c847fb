import type {FileMetadata} from '@google-cloud/storage'

import type {FoundObject} from '../objects/client.js'

export function foundOf({generation, size, updated}: FileMetadata, key: string): FoundObject {
  return {bytes: Number(size), key, modified: Date.parse(String(updated)) || 0, tag: String(generation)}
}
