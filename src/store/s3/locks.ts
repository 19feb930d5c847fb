/** Object lock: a version that has it cannot be removed before its time; what is written over it is another version. */
import type {ObjectLockMode, ObjectVersion as S3Version} from '@aws-sdk/client-s3'

import type {Call, LockClient, LocksFound, ObjectVersion, VersionPage, VersionRequest} from '../objects/client.js'
import type {ObjectLock} from '../store.js'
import type {S3Bucket} from './bucket.js'

import {endlessListing} from '../objects/failure.js'
import {s3Failure} from './failure.js'

/** Of a write that is locked from its first moment. */
export function lockHeaders(lock: ObjectLock | undefined) {
  return lock && {ObjectLockMode: modeOf(lock), ObjectLockRetainUntilDate: new Date(lock.until)}
}

function modeOf({mode}: ObjectLock): ObjectLockMode {
  return mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE'
}

/** What a bucket without object lock answers, and a service that does not know it. */
const NONE: ReadonlySet<string | undefined> = new Set([
  'InvalidRequest',
  'MethodNotAllowed',
  'NoSuchObjectLockConfiguration',
  'NotImplemented',
  'ObjectLockConfigurationNotFoundError',
])

function lockIn(mode: string | undefined, until: Date | undefined): ObjectLock | undefined {
  if (!mode || !until) return undefined
  return {mode: mode === 'COMPLIANCE' ? 'compliance' : 'governance', until: until.getTime()}
}

/** A whole answer that the SDK can make nothing of. */
function isOtherAnswer(error: unknown): boolean {
  const {$response} = error as {$response?: {statusCode?: number}}
  return $response?.statusCode === 200 || $response?.statusCode === 206
}

export class S3Locks implements LockClient {
  /** Some services do not know the question, and answer another one: moto does. */
  #ignoresRetention = false

  get isNewestFirst(): boolean {
    return true
  }

  constructor(private readonly bucket: S3Bucket) {}

  async areOn({signal}: Call): Promise<LocksFound> {
    const {bucket, client, sdk} = this.bucket
    const command = new sdk.GetObjectLockConfigurationCommand({Bucket: bucket})
    let date: unknown
    // What it says is all that the SDK gives of an answer.
    command.middlewareStack.add(
      (next) => async (given) => {
        const result = await next(given)
        date = (result.response as {headers?: Record<string, unknown>}).headers?.date
        return result
      },
      {step: 'deserialize'},
    )
    try {
      const {ObjectLockConfiguration: found} = await client.send(command, {abortSignal: signal})
      return {isOn: found?.ObjectLockEnabled === 'Enabled', date}
    } catch (error) {
      if (NONE.has(s3Failure(error).code)) return {isOn: false}
      throw error
    }
  }

  async lock({key, version}: ObjectVersion, lock: ObjectLock, {signal}: Call): Promise<void> {
    const {bucket, client, sdk} = this.bucket
    await client.send(
      new sdk.PutObjectRetentionCommand({
        Bucket: bucket,
        ChecksumAlgorithm: 'SHA256',
        Key: key,
        Retention: {Mode: modeOf(lock), RetainUntilDate: new Date(lock.until)},
        VersionId: version,
      }),
      {abortSignal: signal},
    )
  }

  async lockOf(version: ObjectVersion, call: Call): Promise<ObjectLock | undefined> {
    if (this.#ignoresRetention) return this.#lockInHeaders(version, call)
    const {bucket, client, sdk} = this.bucket
    const {key, version: id} = version
    // Not by the headers of the object: those lack the lock where nobody may see it, as where there is none.
    const command = new sdk.GetObjectRetentionCommand({Bucket: bucket, Key: key, VersionId: id})
    try {
      const {Retention: found} = await client.send(command, {abortSignal: call.signal})
      if (found) return lockIn(found.Mode, found.RetainUntilDate)
    } catch (error) {
      if (NONE.has(s3Failure(error).code)) return undefined
      if (!isOtherAnswer(error)) throw error
    }

    // Such a service gave the object itself.
    this.#ignoresRetention = true
    return this.#lockInHeaders(version, call)
  }

  async #lockInHeaders({key, version}: ObjectVersion, {signal}: Call): Promise<ObjectLock | undefined> {
    const {bucket, client, sdk} = this.bucket
    const command = new sdk.HeadObjectCommand({Bucket: bucket, Key: key, VersionId: version})
    const {ObjectLockMode, ObjectLockRetainUntilDate} = await client.send(command, {abortSignal: signal})
    return lockIn(ObjectLockMode, ObjectLockRetainUntilDate)
  }

  async versions({after, delimiter, isForNames, prefix}: VersionRequest, {signal}: Call): Promise<VersionPage> {
    const {bucket, client, sdk} = this.bucket
    const marker = after === undefined ? {} : (JSON.parse(after) as {KeyMarker?: string; VersionIdMarker?: string})
    const output = await client.send(
      new sdk.ListObjectVersionsCommand({Bucket: bucket, Delimiter: delimiter, Prefix: prefix, ...marker}),
      {abortSignal: signal},
    )
    const versions = [
      ...(output.Versions ?? []).flatMap((found) => versionOf(found, false)),
      ...(output.DeleteMarkers ?? []).flatMap((found) => versionOf(found, true)),
    ]
    const {NextKeyMarker: last} = output
    if (output.IsTruncated && !last) throw endlessListing()
    const isSeenTwice = versions.filter(({key}) => key === last).length > 1
    const next = {
      KeyMarker: last,
      // Behind a key itself stands the next one: leases have thousands of versions.
      ...(!(isForNames && isSeenTwice) && {VersionIdMarker: output.NextVersionIdMarker}),
    }
    return {
      folders: (output.CommonPrefixes ?? []).flatMap(({Prefix}) => Prefix ?? []),
      next: output.IsTruncated ? JSON.stringify(next) : undefined,
      versions,
    }
  }
}

function versionOf(found: S3Version, isRemoval: boolean): ObjectVersion[] {
  const {ETag: tag = '', IsLatest, Key: key, LastModified, Size: bytes = 0, VersionId} = found
  if (key === undefined || (VersionId === undefined && !isRemoval)) return []
  const modified = LastModified?.getTime() ?? 0
  return [{bytes, isCurrent: IsLatest === true, isRemoval, key, modified, tag, version: VersionId ?? ''}]
}
