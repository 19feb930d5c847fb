/** Random situations in which a tool could be made to lie: what is on the server, what the server then shows of it, and what becomes of the backup. */
import {readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {BackupOptions, RestoreOptions} from '../../src/index.js'
import type {EmbeddedWeaviateOptions, ListedPage} from '../../src/testing/index.js'

export const COLLECTION = 'Situation'
/** Of what expires. */
export const TTL_SECONDS = 3600

export const SERVER_FAULTS = [
  'hides-over-grpc',
  'hides-over-both',
  'short-pages',
  'empty-page',
  'repeats-a-page',
  'reverses-a-page',
  'twice-in-a-page',
  'counts-too-few',
  'counts-too-many',
  'replica-misses',
  'replica-keeps',
  'replica-outdated',
  'expired',
  'cuts-connections',
  'message-limit',
] as const
export type ServerFault = (typeof SERVER_FAULTS)[number]

export const BACKUP_FAULTS = ['reformatted', 'truncated', 'byte-flipped', 'part-removed', 'interrupted'] as const
export type BackupFault = (typeof BACKUP_FAULTS)[number]

export interface Situation {
  backup: BackupOptions
  backupFault?: BackupFault
  /** What was deleted while a replica was away. */
  deleted: number
  /** Listings go through each node. */
  nodes: boolean
  /** Objects a tenant, or in all. */
  objects: number
  restore: RestoreOptions
  seed: number
  serverFaults: ServerFault[]
  tenants: string[]
  transport: 'auto' | 'rest'
}

/** Numbers from 0 to 1 (xorshift32), the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = Math.imul(seed + 1, 2_654_435_761) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
}

export function situationOf(seed: number): Situation {
  const random = randomOf(seed)
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!
  const hasFault = random() < 0.85
  const first = pick(SERVER_FAULTS)
  const second = pick(SERVER_FAULTS)
  const serverFaults = hasFault ? [first, ...(random() < 0.3 && second !== first ? [second] : [])] : []
  const format = pick(['json', 'parquet', 'arrow'] as const)
  const backupFault = random() < 0.35 ? pick(BACKUP_FAULTS) : undefined
  const tenants = random() < 0.3 ? ['anna', 'berta', 'carla'] : []
  // Which of two versions is the newer one nobody can know who sees one.
  const nodes = serverFaults.includes('replica-outdated') || random() < 0.5
  return {
    backup: {
      batchSize: pick([3, 10, 50]),
      compress: random() < 0.3,
      concurrency: pick([1, 2, 4]),
      format,
      maxRetries: 8,
      retryMaxWaitMs: 20,
      settle: backupFault !== 'interrupted' && random() < 0.2,
    },
    backupFault,
    nodes: nodes && hasReplicas(serverFaults),
    deleted: serverFaults.includes('replica-keeps') ? 3 : 0,
    objects: pick([1, 7, 40, 120]),
    restore: {
      acceptChanged: backupFault === 'reformatted',
      batchSize: 20,
      maxRetries: 8,
      // The target is one node.
      ...(hasReplicas(serverFaults) && {overrides: {'replicationConfig.factor': 1}}),
      retryMaxWaitMs: 20,
      verify: true,
    },
    seed,
    serverFaults,
    tenants,
    transport: random() < 0.8 ? 'auto' : 'rest',
  }
}

/** Ids whose last digit but one is an odd number: about half of them. */
export function isMarked(id: string): boolean {
  return Number.parseInt(id.at(-1)!, 16) % 3 === 0
}

export function hasReplicas(faults: readonly ServerFault[]): boolean {
  return faults.some((fault) => fault.startsWith('replica-'))
}

/** Options of a server that behaves as the situation says while `isOn()`. */
export function serverOptions({seed, serverFaults}: Situation, isOn: () => boolean): EmbeddedWeaviateOptions {
  const has = new Set(serverFaults)
  const random = randomOf(seed + 1)
  let isPageSpoiled = false
  let earlier: readonly string[] | undefined
  let calls = 0
  const spoil = (page: ListedPage): readonly string[] | undefined => {
    const {after, ids, transport} = page
    const isHidden = has.has('hides-over-both') || (has.has('hides-over-grpc') && transport === 'grpc')
    if (isHidden) return ids.filter((id) => !isMarked(id))
    if (has.has('short-pages') && ids.length > 1 && random() < 0.5) return ids.slice(0, Math.ceil(ids.length / 2))
    const previous = earlier
    if (ids.length > 0) earlier = ids
    // Once each, in the middle.
    if (isPageSpoiled || after === undefined || ids.length === 0) return ids
    if (has.has('empty-page')) {
      isPageSpoiled = true
      return []
    }

    if (has.has('repeats-a-page') && previous) {
      isPageSpoiled = true
      return previous
    }

    if (ids.length > 1 && has.has('reverses-a-page')) {
      isPageSpoiled = true
      return ids.toReversed()
    }

    if (ids.length > 1 && has.has('twice-in-a-page')) {
      isPageSpoiled = true
      return [ids[0]!, ...ids.slice(0, -1)]
    }

    return ids
  }

  return {
    count(count) {
      if (!isOn()) return count
      if (has.has('counts-too-few')) return Math.max(0, count - 2)
      return has.has('counts-too-many') ? count + 2 : count
    },
    ...(has.has('message-limit') && {maxMessageBytes: 30_000}),
    onRequest() {
      if (!isOn() || !has.has('cuts-connections')) return
      calls++
      // Never so many in a row that retries are used up.
      return calls % 4 === 0 && calls < 60 ? {drop: true} : undefined
    },
    page: (page) => (isOn() ? spoil(page) : page.ids),
    now: () => Date.now() + (has.has('expired') && isOn() ? 2 * TTL_SECONDS * 1000 : 0),
    ...(hasReplicas(serverFaults) && {
      replicas: [
        {
          outdated: ({id}: {id: string}) => has.has('replica-outdated') && isMarked(id),
          keeps: () => has.has('replica-keeps'),
          misses: ({id}: {id: string}) => has.has('replica-misses') && isMarked(id),
          name: 'node1',
        },
        {name: 'node2'},
      ],
    }),
  }
}

/** Does to a backup on the disk what the situation says. Returns whether anything was done. */
export async function spoilBackup(place: string, fault: BackupFault | undefined): Promise<boolean> {
  const names = await readdir(place).catch(() => [])
  const isFolder = names.length > 0
  const parts = names.filter((name) => name.startsWith('objects')).map((name) => path.join(place, name))
  const file = isFolder ? parts[0] : place
  switch (fault) {
    case 'byte-flipped': {
      if (file === undefined) return false
      const bytes = await readFile(file)
      bytes[Math.floor(bytes.length / 2)]! ^= 0x10
      await writeFile(file, bytes)
      return true
    }

    case 'part-removed': {
      if (!isFolder || file === undefined) return false
      await rm(file)
      return true
    }

    case 'reformatted': {
      const document = isFolder ? path.join(place, 'metadata.json') : place
      if (document.endsWith('.gz')) return false
      await writeFile(document, JSON.stringify(JSON.parse(await readFile(document, 'utf8')), null, 2))
      return true
    }

    case 'truncated': {
      if (file === undefined) return false
      await truncate(file, Math.floor((await readFile(file)).length * 0.7))
      return true
    }

    default: {
      return false
    }
  }
}
