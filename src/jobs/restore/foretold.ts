/** What a dry run foretells of a creation: what the server would refuse, drop, or may refuse without showing whether it would. */
import type {JsonObject} from '../../model/object.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {RestoreJob} from './job.js'

import {DataOpsError} from '../../model/errors.js'
import {vectorizersOf} from '../../model/vectorizers.js'
import {type Capability, isAtLeast, SINCE} from '../../weaviate/capabilities.js'
import {replicationFactor} from '../../weaviate/replicas.js'
import {hintFor, languageTokenized} from './refusals.js'

/** One thing that stands against the creation, and what helps. */
interface Foretold {
  hint: string
  what: string
}

/**
 * Warns of what would be lost or may be refused. `schema`: as it would be created.
 * @throws DataOpsError SCHEMA_MISMATCH naming everything that the server would surely refuse.
 */
export async function foretellCreation(job: RestoreJob, schema: WeaviateClass): Promise<void> {
  warnOfOlderServer(job, schema)
  const refused = [
    ...lackingByVersion(job, schema),
    ...(await lackingNodes(job, schema)),
    ...(await lackingModules(job, schema)),
  ]
  await warnOfUnseen(job, schema)
  if (refused.length === 0) return
  throw new DataOpsError(
    'SCHEMA_MISMATCH',
    `The server (version ${job.connection.version}) would refuse to create "${job.target}": ${refused.map(({what}) => what).join('; ')}.`,
    {details: {refused: refused.map(({what}) => what)}, hint: refused.map(({hint}) => hint).join(' ')},
  )
}

interface VectorSettings {
  /** undefined: of the unnamed vector. */
  name?: string
  type?: string
  config: JsonObject
}

function vectorsOf(schema: WeaviateClass): VectorSettings[] {
  const named = Object.entries(schema.vectorConfig ?? {}).map(([name, config]) => ({
    config: (config.vectorIndexConfig ?? {}) as JsonObject,
    name,
    type: config.vectorIndexType as string | undefined,
  }))
  const unnamed = {config: (schema.vectorIndexConfig ?? {}) as JsonObject, type: schema.vectorIndexType}
  return [...(schema.vectorIndexType ? [unnamed] : []), ...named]
}

const isOn = (value: unknown): boolean => (value as null | undefined | {enabled?: boolean})?.enabled === true

/** Whether a backup needs what servers have since some version. */
const NEEDS: Partial<
  Record<Capability, {isRefused: boolean; needs: (schema: WeaviateClass, job: RestoreJob) => boolean; what: string}>
> = {
  addedVectors: {
    isRefused: true,
    needs: ({vectorConfig, vectorIndexType}) => Boolean(vectorIndexType) && Object.keys(vectorConfig ?? {}).length > 0,
    what: 'an unnamed vector beside named ones',
  },
  aliases: {
    isRefused: false,
    needs: (_, {archive}) => (archive.head.metadata.aliases ?? []).length > 0,
    what: 'aliases',
  },
  asyncReplication: {
    isRefused: false,
    needs: ({replicationConfig}) => (replicationConfig as undefined | {asyncEnabled?: boolean})?.asyncEnabled === true,
    what: 'replicationConfig.asyncEnabled',
  },
  blobHash: {
    isRefused: true,
    needs: ({properties}) => (properties ?? []).some(({dataType}) => dataType[0] === 'blobHash'),
    what: 'the data type blobHash',
  },
  hfresh: {
    isRefused: true,
    needs: (schema) => vectorsOf(schema).some(({type}) => type === 'hfresh'),
    what: 'vectorIndexType hfresh',
  },
  multiVectors: {
    isRefused: true,
    needs: (schema) => vectorsOf(schema).some(({config}) => isOn(config.multivector)),
    what: 'several vectors of one name (multivector)',
  },
  objectTtl: {isRefused: false, needs: ({objectTtlConfig}) => isOn(objectTtlConfig), what: 'objectTtlConfig'},
  offloading: {
    isRefused: false,
    needs: (_, {archive}) => (archive.head.metadata.tenants ?? []).some(({status}) => status === 'FROZEN'),
    what: 'offloaded tenants',
  },
}

/** What of NEEDS the server lacks. */
function lacking(job: RestoreJob, schema: WeaviateClass, isRefused: boolean): Array<{since: string; what: string}> {
  return Object.entries(NEEDS).flatMap(([name, need]) => {
    const capability = name as Capability
    const isLacking = !job.connection.capabilities[capability] && need.needs(schema, job)
    return isLacking && need.isRefused === isRefused ? [{since: SINCE[capability], what: need.what}] : []
  })
}

function lackingByVersion(job: RestoreJob, schema: WeaviateClass): Foretold[] {
  return lacking(job, schema, true).map(({since, what}) => ({
    hint: `Restore to a server of version ${since} or later.`,
    what: `it has no ${what} (since ${since})`,
  }))
}

function warnOfOlderServer(job: RestoreJob, schema: WeaviateClass): void {
  const {weaviate_version: taken = ''} = job.archive.head.metadata as {weaviate_version?: string}
  const {version} = job.connection
  const lost = lacking(job, schema, false)
  for (const {since, what} of lost) {
    job.warn({
      code: 'would-be-lost',
      details: {since, what},
      message: `The server (version ${version}) has no ${what}, which came with ${since}: that of the backup would be lost.`,
    })
  }

  const [major = '0', minor = '0'] = taken.split('.', 2)
  const isOlder = /^\d+\.\d+/.test(taken) && !isAtLeast(version, `${major}.${minor}.0`)
  if (!isOlder) return
  job.warn({
    code: 'older-server',
    details: {backup: taken, server: version},
    message: `The backup is of Weaviate ${taken}, the server is older (${version}): it may drop or refuse settings that came later; the restore names them.`,
  })
}

async function lackingNodes({direct, warn}: RestoreJob, schema: WeaviateClass): Promise<Foretold[]> {
  const factor = replicationFactor(schema)
  if (factor <= 1) return []
  const nodes = (await direct.about?.nodes()) ?? []
  if (nodes.length === 0) {
    warn({
      code: 'may-be-refused',
      details: {factor},
      message: `The collection has ${factor} replicas, and how many nodes the server has is not shown to these credentials: with fewer it would refuse. ${hintFor.factor(1)}`,
    })
    return []
  }

  if (nodes.length >= factor) return []
  return [{hint: hintFor.factor(nodes.length), what: `${factor} replicas are more than its ${nodes.length} nodes`}]
}

async function lackingModules({direct, warn}: RestoreJob, schema: WeaviateClass): Promise<Foretold[]> {
  const wanted = vectorizersOf(schema)
  if (wanted.length === 0) return []
  const modules = await direct.about?.modules()
  if (!modules) {
    const names = [...new Set(wanted.map(({module}) => module))]
    warn({
      code: 'may-be-refused',
      details: {modules: names},
      message: `Whether the server has ${names.join(', ')} is not known: without, it would refuse.`,
    })
    return []
  }

  const there = new Set(modules)
  return wanted
    .filter(({module}) => !there.has(module))
    .map(({module, vector}) => ({hint: hintFor.module(module, vector), what: `it has no module ${module}`}))
}

/** What no server shows; another collection that has it says that the server takes it. */
async function warnOfUnseen(job: RestoreJob, schema: WeaviateClass): Promise<void> {
  const wanted = unseenIn(schema)
  if (wanted.length === 0) return
  const there = new Set(
    (await job.connection.listCollections()).flatMap((each) => unseenIn(each).map(({what}) => what)),
  )
  for (const {hint, what} of wanted) {
    if (there.has(what)) continue
    job.warn({
      code: 'may-be-refused',
      details: {what},
      message: `The server may refuse ${what}: it takes that only when it is set up for it, which it does not show. ${hint}`,
    })
  }
}

function unseenIn(schema: WeaviateClass): Foretold[] {
  const found = new Map<string, string>()
  for (const {name, type} of vectorsOf(schema)) {
    if (type === 'dynamic') found.set('vectorIndexType dynamic, without asynchronous indexing', hintFor.dynamic(name))
  }

  for (const {tokenization} of languageTokenized(schema)) {
    found.set(`the tokenization ${String(tokenization)}`, hintFor.tokenizer(schema))
  }

  if (isOn(schema.objectTtlConfig)) found.set('objectTtlConfig, without a schedule for it', hintFor.timeToLive)
  return [...found].map(([what, hint]) => ({hint, what}))
}
