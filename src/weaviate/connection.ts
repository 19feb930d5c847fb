/** What the managers ask of a Weaviate server: the contract of this folder, the only one that knows URLs and protobuf. */
import type {WeaviateObject, WriteFailure} from '../model/object.js'
import type {WeaviateClass} from '../model/schema.js'
import type {WeaviateTenant} from '../model/tenant.js'
import type {Capabilities} from './capabilities.js'

export interface PageRequest {
  /** Exclusive lower bound, any UUID; none starts before the nil UUID. */
  after?: string
  collection: CollectionPlan
  /** `objects`: everything. `ids`: id and times. `references`: id and reference properties. */
  include: 'ids' | 'objects' | 'references'
  /** Objects at most. */
  limit: number
  /** Bytes of the reply at most: a longer one is refused with `details.tooLarge`. Default: what a message may hold. */
  maxBytes?: number
  signal?: AbortSignal
  tenant?: string
  /** Over REST, also where gRPC is there; whoever has one way only takes that. */
  viaRest?: boolean
}

/** Counts what replies bring while they come, of all calls of a read together. */
export interface ReplyMeter {
  /** Bytes at most: once more have come, it fails with `details.tooLarge`. Default: what each message may hold. */
  most?: number
  /** Bytes so far; of a message that was refused, as many as it was said to have. */
  received: number
}

/** Ascending by UUID, above `after`, at most as many as asked for. None: the range has ended. */
export interface ObjectPage {
  /** Bytes received. */
  bytes: number
  objects: WeaviateObject[]
  /** Once, where it is there: takes the memory of the vectors for the next pages. They hold other bytes from then on. */
  release?: () => void
}

/** A class with everything derived from it once: which properties to name, which need REST. Made by `planCollection(schema)`. */
export interface CollectionPlan {
  className: string
  hasReferences: boolean
  multiTenant: boolean
  namedVectors: string[]
  referenceNames: ReadonlySet<string>
  schema: WeaviateClass
  unnamedVector: boolean
}

/** How many replicas must have taken a write for it to count as done. */
export type ConsistencyLevel = 'ALL' | 'ONE' | 'QUORUM'

/** A second name of a collection. */
export interface WeaviateAlias {
  alias: string
  collection: string
}

/** An object as a listing of ids shows it. Milliseconds since 1970. */
export type KnownObject = Pick<WeaviateObject, 'creationTimeUnix' | 'id' | 'lastUpdateTimeUnix'>

/** One object of a collection. */
export interface ObjectRequest {
  className: string
  id: string
  /** Counts the reply. */
  meter?: ReplyMeter
  signal?: AbortSignal
  tenant?: string
}

/** What shows whether REST and gRPC, whose addresses are apart, are one server: the REST side of it. Reads repair no replica. */
export interface RestSide {
  /** Of both, without credentials. */
  readonly addresses: {grpc: string; rest: string}
  /** One that is not there is no error. */
  deleteObject: (request: ObjectRequest) => Promise<void>
  /** One object, as any node of the cluster has it; undefined when none has. */
  findObject: (request: ObjectRequest) => Promise<KnownObject | undefined>
  /** The first objects of the listing: as many as that, or fewer where they are large. */
  listObjects: (request: Omit<ObjectRequest, 'id'> & {limit: number}) => Promise<KnownObject[]>
}

/** What one node of a cluster says of itself and of its async replication. */
export interface NodeState {
  isHealthy: boolean
  name: string
  /** The last rounds in which it compared its replica of a shard with the others'. Milliseconds since 1970, by the node's clock. */
  rounds: Array<{
    /** When the last round began that found no difference. */
    equalAt?: number
    /** When the last round began that found one. */
    differentAt?: number
    shard: string
  }>
}

/** What became of an object that not all replicas had in one version. */
export type ReplicaOutcome =
  /** A replica or more lack it, and it was kept. */
  | 'kept'
  /** Most replicas lack it, and the collection lets deletions win: it was left out. */
  | 'left out'
  /** All have it, in several versions: the newest was taken. */
  | 'newest'

/** What reading through several nodes came to. */
export interface ReplicaReport {
  /** Addresses that listings were read through. */
  addresses: readonly string[]
  /** Objects that differed, by what became of them. */
  counts: Readonly<Record<ReplicaOutcome, number>>
  /** The first hundred of those left out or kept although replicas lack them. */
  examples: Array<{id: string; outcome: ReplicaOutcome; tenant?: string}>
  /** Nodes of the cluster. */
  nodes: readonly string[]
  /** Nodes that did not answer for a replica of theirs. */
  unasked: readonly string[]
}

/** Objects that are to be read at a level. */
export interface AtLevelRequest {
  collection: string
  consistency: ConsistencyLevel
  ids: readonly string[]
  signal?: AbortSignal
  tenant?: string
}

/** The replicas of a cluster: through which addresses they are listed, and what they say. Reads repair nothing. */
export interface ReplicaSide {
  /** What is written goes there, alone. */
  readonly main: Connection
  /** Of each address that listings are read through; objects are read whole from the first. One alone: nothing is compared. */
  readonly members: readonly Connection[]
  /** Nodes and their async replication of a collection; undefined when these credentials may not see it. */
  nodes: (collection: string, signal?: AbortSignal) => Promise<NodeState[] | undefined>
  /** Which of these ids can be read at a level. It repairs what a replica lacks, which is a write: for those who have just written. */
  readable: (request: AtLevelRequest) => Promise<string[]>
  /** Of these ids, those that can be read at a level, in their newest version; repairs as `readable` does. */
  versions?: (request: AtLevelRequest) => Promise<KnownObject[]>
  /** Begins an account of what is compared from now on, of one collection. */
  watch: (collection: string) => () => ReplicaReport
}

/** A node of the cluster, and the replicas that it holds. */
export interface ServerNode {
  name: string
  /** `objects`: as the node counted them last. */
  shards: Array<{className: string; name: string; objects: number}>
  /** `HEALTHY`, or what else the server says. */
  status: string
  version: string
}

/** What a server tells of itself. */
export interface AboutServer {
  /** Names of the modules that it has; undefined where it does not say. */
  modules: () => Promise<string[] | undefined>
  /** None where these credentials may not see them. */
  nodes: () => Promise<ServerNode[]>
  /** What the roles of these credentials allow; undefined where the server does not say (no RBAC, or before 1.28). */
  permissions: () => Promise<string[] | undefined>
  /** Milliseconds since 1970, to the second; undefined where it is not told. */
  time: () => Promise<number | undefined>
}

/** Where a server puts what it exports. */
export type ExportBackend = 'azure' | 'filesystem' | 'gcs' | 's3'

/** A shard, as the server's own export tells of it. Of a collection with tenants it is a tenant. */
export interface ExportShardState {
  error?: string
  name: string
  /** Written so far. */
  objects: number
  skipReason?: string
  status: string
}

/** An export of the server's own: SUCCESS is whole, FAILED and CANCELED are over, everything else goes on. */
export interface ExportState {
  /** Names that the server took: those that it does not know, or that these credentials may not read, are not among them. */
  classes: string[]
  error?: string
  id: string
  /** Where it lies, as the server says it. */
  path: string
  shards: ReadonlyMap<string, readonly ExportShardState[]>
  /** RFC 3339. */
  startedAt: string
  status: string
}

/** The server's own exports. */
export interface ServerExports {
  /** @throws DataOpsError SERVER_REFUSED when it is over. */
  cancel: (backend: ExportBackend, id: string) => Promise<void>
  /** Of these collections, whole. @throws DataOpsError SERVER_REFUSED, with what to do about it. */
  start: (backend: ExportBackend, id: string, collections: readonly string[]) => Promise<ExportState>
  /** How far it is. */
  state: (backend: ExportBackend, id: string, signal?: AbortSignal) => Promise<ExportState>
}

/** One batch that is to be written. */
export interface WriteRequest {
  collection: CollectionPlan
  /** As in `deleteObjects`. */
  consistency?: ConsistencyLevel
  objects: readonly WeaviateObject[]
  signal?: AbortSignal
}

/** A live connection. Every method rejects with a DataOpsError; transient failures have `retryable`, and are not retried here. */
export interface Connection {
  /** For whoever looks for what is wrong; jobs do without. */
  readonly about?: AboutServer
  /** Absent from servers that have none (before 1.37). */
  readonly exports?: ServerExports
  /** What a server of this version can do. */
  readonly capabilities: Capabilities
  /** Closes what it has opened; what is under way fails. */
  close: () => Promise<void>
  /** The server's address without credentials, as the user gave it. */
  readonly describe: string
  /** Absent where the server's replicas cannot be told apart. */
  readonly replicas?: ReplicaSide
  /** Where objects go over gRPC; absent where there is one address only. */
  readonly restSide?: RestSide
  /** `grpc`, or `rest` where gRPC cannot be reached. */
  readonly transport: 'grpc' | 'rest'
  readonly version: string

  // schema
  /** Creates it as the schema says. @throws DataOpsError COLLECTION_EXISTS when there is one of that name. */
  createCollection: (schema: WeaviateClass) => Promise<void>
  /** Drops it with all objects; one that is not there is no error. */
  deleteCollection: (name: string) => Promise<void>
  /** undefined when there is none of that name. Aliases are not followed. */
  getCollection: (name: string) => Promise<undefined | WeaviateClass>
  /** A text that no other collection has, at whatever address, nor this one once it was dropped and made again; undefined when the server does not show what it could be made of (collections with tenants). */
  identify: (schema: WeaviateClass) => Promise<string | undefined>
  /** Schemas of all that these credentials may see. */
  listCollections: () => Promise<WeaviateClass[]>
  /** Changes what of a schema can be changed. */
  updateCollection: (schema: WeaviateClass) => Promise<void>

  // aliases
  /** Makes a second name of a collection. */
  createAlias: (alias: string, collection: string) => Promise<void>
  /** Removes the name; the collection stays. */
  deleteAlias: (alias: string) => Promise<void>
  /** Empty on servers without aliases (before 1.32). */
  listAliases: () => Promise<WeaviateAlias[]>
  /** Points the name at another collection, at once for all readers. */
  updateAlias: (alias: string, collection: string) => Promise<void>

  // tenants
  /** Chunked as the server likes it. */
  createTenants: (collection: string, tenants: readonly WeaviateTenant[]) => Promise<void>
  /** Each with its state; none without multi-tenancy. `names`: those alone, as far as they are there; whoever does not know it may list all. */
  listTenants: (collection: string, names?: readonly string[]) => Promise<WeaviateTenant[]>
  /** Chunked in hundreds; resolves once the server reports the state, not only accepted it. */
  setTenantStatus: (collection: string, tenants: readonly WeaviateTenant[], signal?: AbortSignal) => Promise<void>

  // objects
  /** Objects in the collection, or in one tenant. */
  count: (collection: string, tenant?: string, signal?: AbortSignal) => Promise<number>
  /**
   * Deletes up to the server's limit of objects in one call: any, or those with these ids. `reason`: the server's words for those that
   * failed. Rejects with SERVER_UNAVAILABLE when they name what passes by itself (a shard that is read-only).
   */
  deleteObjects: (request: {
    collection: string
    /** Default: what the server takes, which is QUORUM. */
    consistency?: ConsistencyLevel
    ids?: readonly string[]
    signal?: AbortSignal
    tenant?: string
  }) => Promise<{deleted: number; failed: number; matched: number; reason?: string}>
  /**
   * Objects by id, in any order; missing ones are left out. In smaller calls where they are too large for one, unless `meter` says how
   * much may come.
   */
  getObjects: (request: {
    collection: CollectionPlan
    ids: readonly string[]
    meter?: ReplyMeter
    signal?: AbortSignal
    tenant?: string
    /** As in `PageRequest`. */
    viaRest?: boolean
  }) => Promise<WeaviateObject[]>
  /** One page of the cursor listing. */
  readPage: (request: PageRequest) => Promise<ObjectPage>
  /** One batch, without references. Objects may be of several tenants. Resolves with those refused; rejects when the whole call failed. */
  writeObjects: (request: WriteRequest) => Promise<WriteFailure[]>
  /** The references of those objects, appended in order, in one call. Beacons are sent as they stand. */
  writeReferences: (request: WriteRequest) => Promise<WriteFailure[]>
}

/** One call that was made, for whoever looks for what is slow or fails. No headers, no bodies. */
export interface ServerCall {
  /** What was done: `read objects of Article`. */
  action: string
  /** Of the reply; undefined when there was none. */
  bytes?: number
  /** Milliseconds. */
  ms: number
  /** `ok`, or the code of the error. */
  outcome: string
  transport: 'grpc' | 'rest'
}

/** Which server, and how to speak with it. */
export interface ConnectOptions {
  apiKey?: string
  /** Extra PEM text to trust. */
  ca?: string
  /** An existing `weaviate-client`; host and token are taken from it, the token anew for each call. */
  client?: WeaviateClientLike
  /** Lists through every address that the host of `url` resolves to (a headless service's pods), by that name for TLS; no proxy is used. */
  discoverNodes?: boolean
  /** `host:port`, a port of the REST host, or a URL whose scheme (grpc/grpcs, http/https) says whether TLS is used. Default: the REST host, port 50051 (443 with https on weaviate.cloud-like hosts). */
  grpcUrl?: string
  /** Sent with every call (e.g. a vectorizer's key); never stored or shown. */
  headers?: Record<string, string>
  /** Further nodes of the same cluster, `URL` or `URL,gRPC address`: listings are read through each, and what replicas differ in is found out. */
  nodes?: readonly string[]
  /** OIDC: what signs in. Tokens are got and refreshed as they are needed. */
  oidc?:
    | {clientSecret: string; scopes?: string[]}
    | {password: string; scopes?: string[]; username: string}
    | {accessToken: string; expiresIn?: number; refreshToken?: string}
  /** Told of each call once it is over. */
  onCall?: (call: ServerCall) => void
  /** Called when something is worth knowing though it works. */
  onWarning?: (warning: {code: string; details?: Record<string, unknown>; message: string}) => void
  /** Milliseconds for one request; default 60,000. */
  timeoutMs?: number
  /** A proxy's URL for REST, or `env` to follow HTTP_PROXY, HTTPS_PROXY and NO_PROXY; default none. gRPC follows the environment by itself. */
  proxy?: string
  /** `auto` (default) uses gRPC where it answers, else REST with the warning `grpc-unreachable`. */
  transport?: 'auto' | 'grpc' | 'rest'
  /** `https://host:port/prefix`; default `http://localhost:8080`. */
  url?: string
}

/** What is used of a `weaviate-client`. */
export interface WeaviateClientLike {
  /** Host, and the token of now. */
  getConnectionDetails: () => Promise<{bearerToken?: string; headers?: unknown; host: string}>
}

export {type JsonObject} from '../model/object.js'
