/** What a server can do, by its version: docs/compatibility.md is the same table for people. */
import {mapValues} from '../model/map-values.js'

/** The first version of Weaviate that can do each. Read off real servers; where those tried lie apart, off the release notes. */
export const SINCE = {
  /** `/v1/aliases`. */
  aliases: '1.32.0',
  /** The data type `blobHash`. */
  blobHash: '1.37.0',
  /** A named vector added to a collection that is there; without it, no collection has both an unnamed vector and named ones. */
  addedVectors: '1.31.0',
  /** `replicationConfig.asyncEnabled`. */
  asyncReplication: '1.26.0',
  /** `replicationConfig.deletionStrategy: "TimeBasedResolution"`, the default of later servers. */
  deletionByTime: '1.25.0',
  /** `/v1/export`, where it is switched on. */
  exports: '1.37.0',
  /** Objects counted over gRPC. */
  grpcAggregate: '1.28.5',
  /** References written over gRPC. */
  grpcBatchReferences: '1.33.0',
  /** Texts and lists over gRPC as fields of their own type. */
  grpcTypedValues: '1.25.0',
  /** `vectorIndexType: "hfresh"`. */
  hfresh: '1.36.0',
  /** Several vectors of one name (`multivector`). */
  multiVectors: '1.29.0',
  /** `objectTtlConfig`. */
  objectTtl: '1.35.0',
  /** Tenants in the state OFFLOADED. */
  offloading: '1.26.0',
  /** `GET /v1/users/own-info`: roles and their permissions. */
  ownPermissions: '1.28.0',
} as const

/** The oldest version that is connected to. */
export const OLDEST = '1.25.0'

/** Something that not every version can do. */
export type Capability = keyof typeof SINCE

/** Which of them a server has, and how much it takes at once. */
export type Capabilities = Readonly<Record<Capability, boolean>> & {
  /** Bytes of a gRPC message at most, both ways. */
  readonly maxMessageBytes: number
}

/** Those of this version. One that is no version (a build without a number) is taken for the newest: what it cannot do, it refuses. */
export function capabilitiesOf(version: string, maxMessageBytes: number): Capabilities {
  const has = mapValues(SINCE, (since) => isAtLeast(version, since))
  return {...(has as Record<Capability, boolean>), maxMessageBytes}
}

/** Whether a version is this one or later; a release candidate counts as its release. */
export function isAtLeast(version: string, since: string): boolean {
  const given = numbersOf(version)
  const least = numbersOf(since)
  if (!given || !least) return true
  const at = given.findIndex((number, index) => number !== least[index])
  return at === -1 || given[at]! > least[at]!
}

function numbersOf(version: string): number[] | undefined {
  const found = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version)
  return found ? [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)] : undefined
}
