/** What can be said of the replicas of a collection of which one address is known. */
import type {Warning} from '../model/progress.js'
import type {WeaviateClass} from '../model/schema.js'

/** Copies of each object that the cluster keeps. */
export function replicationFactor(schema: WeaviateClass): number {
  const factor = (schema.replicationConfig as undefined | {factor?: unknown})?.factor
  return typeof factor === 'number' ? factor : 1
}

/** A listing reads one replica of each shard, which may lack what was written while its node was down. undefined where there is one only. */
export function replicasNotCompared({describe}: {describe: string}, schema: WeaviateClass): undefined | Warning {
  const factor = replicationFactor(schema)
  if (factor <= 1) return undefined
  return {
    code: 'replicas-not-compared',
    details: {collection: schema.class, factor},
    message: `"${schema.class}" has ${factor} replicas, of which the one that answers at ${describe} is read: they were not compared, and what it has missed is not seen.`,
  }
}
