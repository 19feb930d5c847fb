/** Retention of single objects: a version that has it cannot be removed before its time. */
import type {Bucket, BucketMetadata, FileMetadata} from '@google-cloud/storage'

import type {LockClient, LocksFound, ObjectVersion, VersionPage, VersionRequest} from '../objects/client.js'
import type {ObjectLock} from '../store.js'

import {foundOf, pageOf} from './found.js'

/** Of a write that is locked from its first moment. What Google calls unlocked is what others call governance. */
export function retentionOf(lock: ObjectLock | undefined) {
  if (!lock) return undefined
  const mode = lock.mode === 'compliance' ? 'Locked' : 'Unlocked'
  return {retention: {mode, retainUntilTime: new Date(lock.until).toISOString()}}
}

export class GcsLocks implements LockClient {
  constructor(private readonly bucket: Bucket) {}

  async areOn(): Promise<LocksFound> {
    const [{objectRetention}, answer] = (await this.bucket.getMetadata()) as [BucketMetadata, unknown]
    const {headers} = (answer ?? {}) as {headers?: Record<string, unknown>}
    return {isOn: objectRetention?.mode === 'Enabled', date: headers?.date}
  }

  async lock({key, version}: ObjectVersion, lock: ObjectLock): Promise<void> {
    await this.bucket.file(key, {generation: version}).setMetadata({...retentionOf(lock)})
  }

  async versions({after, delimiter, prefix}: VersionRequest): Promise<VersionPage> {
    const {files, ...page} = await pageOf(this.bucket, {delimiter, pageToken: after, prefix, versions: true})
    return {
      ...page,
      versions: files.map(({metadata, name}) => ({
        ...foundOf(metadata, name),
        // What was removed or written over has a time of its end.
        isCurrent: metadata.timeDeleted === undefined,
        isRemoval: false,
        ...lockIn(metadata),
        version: String(metadata.generation),
      })),
    }
  }
}

function lockIn({retention}: FileMetadata): {lock?: ObjectLock} {
  const until = Date.parse(retention?.retainUntilTime ?? '')
  if (Number.isNaN(until)) return {}
  return {lock: {mode: retention?.mode === 'Locked' ? 'compliance' : 'governance', until}}
}
