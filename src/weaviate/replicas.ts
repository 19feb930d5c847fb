/** What is said of the replicas of a collection: what was compared, and what could not be. */
import type {Warning} from '../model/progress.js'
import type {WeaviateClass} from '../model/schema.js'
import type {Connection, ConsistencyLevel, ReplicaReport} from './connection.js'

import {plural} from '../model/plural.js'

/** Copies of each object that the cluster keeps. */
export function replicationFactor(schema: WeaviateClass): number {
  const factor = (schema.replicationConfig as undefined | {factor?: unknown})?.factor
  return typeof factor === 'number' ? factor : 1
}

/** Addresses that listings go through. */
export function listingAddresses(connection: Connection): string[] {
  return connection.replicas?.members.map(({describe}) => describe) ?? [connection.describe]
}

/** The level, no less than QUORUM, at which a read may see newer versions of objects than are listed; undefined where it cannot. */
export function levelAboveListed(
  connection: Connection,
  schema: WeaviateClass,
  consistency: ConsistencyLevel,
): 'ALL' | 'QUORUM' | undefined {
  const factor = replicationFactor(schema)
  const level = consistency === 'ALL' ? 'ALL' : 'QUORUM'
  const asked = level === 'ALL' ? factor : Math.floor(factor / 2) + 1
  return listingAddresses(connection).length < asked ? level : undefined
}

/** A listing reads one replica of each shard, which may lack what was written while its node was down. undefined where all are listed. */
export function replicasNotCompared(connection: Connection, schema: WeaviateClass): undefined | Warning {
  const factor = replicationFactor(schema)
  const addresses = listingAddresses(connection)
  if (addresses.length >= factor) return undefined
  const compared =
    addresses.length === 1
      ? `of which the one that answers at ${addresses[0]} is read: they were not compared, and what it has missed is not seen`
      : `of which those are compared that answer at ${addresses.join(' and ')}: what the others alone have is not seen`
  return {
    code: 'replicas-not-compared',
    details: {addresses, collection: schema.class, factor},
    message: `"${schema.class}" has ${factor} replicas, ${compared}.`,
  }
}

/** What differed, for people; undefined when nothing did. */
export function replicasDiffered({counts, examples, unasked}: ReplicaReport, collection: string): undefined | Warning {
  const differed = counts.kept + counts.newest + counts['left out']
  if (differed === 0 && unasked.length === 0) return undefined
  const first = examples.find(({outcome}) => outcome === 'left out')
  const leftOut = first ? `, such as ${first.id}` : ''
  const silent = unasked.length > 0 ? ` Nodes that did not answer for theirs: ${unasked.join(', ')}.` : ''
  return {
    code: 'replicas-differ',
    details: {collection, counts, examples, unasked},
    message: `Replicas of "${collection}" differ in ${plural(differed, 'object')}: ${counts.kept} that some lack are taken, ${counts.newest} are taken in their newest version, ${counts['left out']} that most lack are taken for deleted${leftOut}.${silent}`,
  }
}
