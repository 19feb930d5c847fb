/** Immutability of single versions of blobs. */
import type {BlobImmutabilityPolicy, ContainerClient} from '@azure/storage-blob'

import type {Call, LockClient, LocksFound, ObjectVersion, VersionPage, VersionRequest} from '../objects/client.js'
import type {ObjectLock} from '../store.js'

import {pageOf} from './page.js'

/** What Azure calls unlocked is what others call governance. */
export function policyOf(lock: ObjectLock): BlobImmutabilityPolicy {
  return {expiriesOn: new Date(lock.until), policyMode: lock.mode === 'compliance' ? 'Locked' : 'Unlocked'}
}

export class AzureLocks implements LockClient {
  constructor(private readonly container: ContainerClient) {}

  async areOn({signal}: Call): Promise<LocksFound> {
    const {date, isImmutableStorageWithVersioningEnabled: isOn} = await this.container.getProperties({
      abortSignal: signal,
    })
    return {isOn: isOn === true, date}
  }

  async lock({key, version}: ObjectVersion, lock: ObjectLock, {signal}: Call): Promise<void> {
    await this.container
      .getBlobClient(key)
      .withVersion(version)
      .setImmutabilityPolicy(policyOf(lock), {abortSignal: signal})
  }

  async versions({after, delimiter, prefix}: VersionRequest, {signal}: Call): Promise<VersionPage> {
    const options = {abortSignal: signal, includeImmutabilityPolicy: true, includeVersions: true}
    const {items, ...page} = await pageOf<BlobVersion>(this.container, {...options, after, delimiter, prefix})
    return {...page, versions: items.flatMap((item) => versionOf(item) ?? [])}
  }
}

interface BlobVersion {
  isCurrentVersion?: boolean
  name: string
  properties: {
    contentLength?: number
    etag: string
    immutabilityPolicyExpiresOn?: Date
    immutabilityPolicyMode?: string
    lastModified: Date
  }
  versionId?: string
}

function versionOf({isCurrentVersion, name, properties, versionId}: BlobVersion): ObjectVersion | undefined {
  if (versionId === undefined) return undefined
  const {contentLength = 0, etag, immutabilityPolicyExpiresOn: until, immutabilityPolicyMode, lastModified} = properties
  const mode = immutabilityPolicyMode?.toLowerCase() === 'locked' ? 'compliance' : 'governance'
  return {
    bytes: contentLength,
    isCurrent: isCurrentVersion === true,
    isRemoval: false,
    key: name,
    ...(until && {lock: {mode, until: until.getTime()}}),
    modified: lastModified.getTime(),
    tag: etag,
    version: versionId,
  }
}
