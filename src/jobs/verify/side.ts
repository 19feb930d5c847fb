/** One of two things that are compared. */
import type {ContentDigest} from '../../archive/content-digest.js'
import type {WeaviateObject} from '../../model/object.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {WeaviateTenant} from '../../model/tenant.js'

/** A tenant of the first of both, whatever of it can be compared. */
export interface HeldTenant {
  name: string
  objects: number
  /** Why its objects are not there. */
  skipped?: string
}

/** A tenant of the second of both. */
export interface ThereTenant extends WeaviateTenant {
  /** Why its objects are not there. */
  skipped?: string
}

/** Which tenants take part. */
export type TakesPart = (tenant: string | undefined) => boolean

export interface ComparedSide {
  /** What is looked up together in `find`, at most. */
  readonly atOnce: {bytes: number; objects: number}
  /** Once all of it was read. @throws DataOpsError BACKUP_DAMAGED when that is not what was sealed. */
  check: (content: ContentDigest, takesPart: TakesPart) => void
  readonly className: string
  /** Objects, where that is known: it decides only how memory is divided. */
  count: (takesPart: TakesPart, like?: number) => Promise<number | undefined>
  /** Runs `body` once, or with a group of these tenants after another: those that objects can be looked up of meanwhile. */
  eachGroup: (names: ReadonlySet<string | undefined>, body: (isOpen: TakesPart) => Promise<void>) => Promise<void>
  /** Those of them that are there, by `objectKey`, some at a time; of tenants that are open. */
  find: (objects: readonly WeaviateObject[]) => AsyncIterable<ReadonlyMap<string, WeaviateObject>>
  /** Whether there are no objects of those that take part; for where the other holds the schema only. */
  isEmpty: (takesPart: TakesPart) => Promise<boolean>
  /** Once all of it was read: objects that it says to have and does not show, in words. */
  unshown: () => string | undefined
  /** Once all of it was read: whether that was one thing from start to end; undefined, or in words why it was not. */
  changed: () => Promise<string | undefined>
  /** Its tenants, as the first of both; none in collections without. */
  held: () => Promise<HeldTenant[]>
  /** False: it holds the schema only. */
  readonly hasObjects: boolean
  /** Before anything is read. @throws DataOpsError CANNOT_CONNECT when it cannot be said which server it is of. */
  prove: (takesPart: TakesPart) => Promise<void>
  /** All objects that take part; the next ones once `take` has resolved. */
  read: (takesPart: TakesPart, take: (objects: readonly WeaviateObject[]) => Promise<void>) => Promise<void>
  /** Of the objects as they are compared. */
  readonly schema: WeaviateClass
  /** Its tenants, as the second of both. */
  tenants: () => Promise<ThereTenant[]>
  /** Objects by `objectKey`, in any order. */
  wanted: (
    keys: ReadonlyMap<string, {id: string; tenant?: string}>,
    isOpen: TakesPart,
  ) => AsyncIterable<readonly WeaviateObject[]>
}
