import type {Problem} from '../../archive/problem.js'
import type {Transform} from '../../flow/transform/transform.js'
import type {OperationOptions} from '../../model/progress.js'
import type {ReplicaReport} from '../../weaviate/connection.js'

/** Problems of one kind that are named one by one; of more there is the number. */
export const MAX_OF_A_KIND = 20

/** How closely a backup is looked at. */
export interface VerifyBackupOptions extends OperationOptions {
  /** Hashes only: nothing is decoded. */
  quick?: boolean
  /** Threads that read parts of the backup, each some; default: one for each core, at most 8, and for each 100,000 objects (with `quick`: each 512 MB). One where it has one part, or is opened by a passphrase. */
  workers?: number
}

/** What was found in a backup; it is whole when there are no `problems`. */
export interface BackupVerification {
  /** Bytes that were read. */
  bytes: number
  /** Content digest recomputed (not with `quick`). */
  digest?: string
  id: string
  /** Absent when so little is left of it that nothing says, or an encrypted one hides it and was not opened. */
  objectCount?: number
  path: string
  /** What is wrong, each naming file and place; none: the backup is whole. */
  problems: Problem[]
  quick: boolean
  /** Wall time. */
  seconds: number
  /** What is right but worth knowing: non-finite vectors, skipped tenants. */
  warnings: string[]
}

/** What of a collection is compared, and how. */
export interface CompareOptions extends OperationOptions {
  /** Requests at once. */
  concurrency?: number
  /** Onloads offloaded tenants of the collection to compare them too; default: they are left out, and `tenantsLeftOut` says so. */
  includeOffloaded?: boolean
  /** Differences to list at most; default 20, Infinity for all. */
  limit?: number
  /**
   * For an export of the server's own, which holds none: where the schema is from that the collection should have, as in a restore. Without it
   * the schema is not compared, and nobody knows whether it is equal.
   */
  schemaFrom?: readonly string[]
  tenants?: readonly string[]
  /** Milliseconds to wait at most, where one of several replicas is read, until the server has found all of them equal; default 0. */
  waitReplicasMs?: number
  /** For a backup that was changed on the way: what of it is code, or a list of ids, and so not in the backup. */
  transforms?: readonly Transform[]
}

/** An object that is missing, extra or different. */
export interface ObjectDifference {
  id: string
  /** For `different`: property names, `vector`, `vectors.<name>`. */
  members?: string[]
  state: 'different' | 'extra' | 'missing'
  tenant?: string
}

/** One of two things that were compared: a live collection, or a backup. */
export interface ComparedThing {
  backupId?: string
  collection: string
  /** Content digest. */
  digest: string
  /** Objects in it. */
  objects: number
  /** Of a backup. */
  path?: string
  /** What its replicas differed in; absent without replicas. */
  replicas?: ReplicaReport
  /** Of a live collection. */
  server?: string
}

/** What of B is not as in A. */
export interface Difference extends Pick<
  CollectionComparison,
  'differences' | 'equal' | 'notCompared' | 'seconds' | 'tenantsLeftOut'
> {
  a: ComparedThing
  b: ComparedThing
  /** Objects in all, per kind, whatever `limit` lists. `missing` from B, `extra` in it. */
  counts: {different: number; extra: number; missing: number}
  /** Blocking and other differences of the schemas, by path. */
  schemaDifferences: Array<{a: unknown; b: unknown; path: string; severity: 'blocking' | 'notice'}>
}

/** What is compared of two collections or backups. */
export type DiffOptions = Omit<CompareOptions, 'schemaFrom' | 'transforms'>

/** A live collection beside a backup. */
export interface CollectionComparison {
  backupDigest: string
  backupId: string
  /**
   * What was compared in place of one of both: `backup`, what this run's changes make of the backup; `live`, what the changes that the
   * backup was made with make of the collection. Absent: both as they are.
   */
  changed?: 'backup' | 'live'
  collection: string
  /** Objects in all, per kind, whatever `limit` lists. */
  counts: {backup: number; different: number; extra: number; live: number; missing: number}
  differences: ObjectDifference[]
  /** False also where something could not be compared. */
  equal: boolean
  liveDigest: string
  /** What could not be compared, so that nobody knows whether it is equal, in words; absent when there is nothing. */
  notCompared?: string[]
  /** What the replicas of the live collection differed in; absent without replicas. */
  replicas?: ReplicaReport
  /** Blocking and other differences of the schemas, by path. */
  schemaDifferences: Array<{backup: unknown; live: unknown; path: string; severity: 'blocking' | 'notice'}>
  /** Wall time. */
  seconds: number
  /** Tenants that are not part of the comparison, and why; absent when there are none. */
  tenantsLeftOut?: Array<{name: string; reason: string}>
}
