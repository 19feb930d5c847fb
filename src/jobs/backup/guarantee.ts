/** What a backup promises when it begins (`metadata.guarantee`), and what came of it (`seal.guarantee`). */
import type {Completeness} from './completeness.js'

import {plural} from '../../model/plural.js'
import {type ReplicaFacts, replicaSentences} from '../replica-watch.js'

const PROMISED =
  'Every object that exists from start to finish is in the backup exactly once; objects written or deleted meanwhile may or may not be. What came of it stands in seal.guarantee.'
const PROMISED_SETTLED =
  'The collection is scanned again until a scan finds every object in the backup, and no other. What came of it stands in seal.guarantee.'

const kept = (asHad: string): string =>
  `Every object that existed from start to finish is in the backup exactly once, ${asHad}; objects written or deleted meanwhile may or may not be.`
const settledAs = (asHad: string): string =>
  `The collection was scanned again until a scan found every object in the backup ${asHad}, and no other.`

export function promisedGuarantee(settles: boolean): string {
  return settles ? PROMISED_SETTLED : PROMISED
}

export interface GuaranteeFacts {
  completeness?: Completeness
  /** Properties and vectors that came into being meanwhile, in words. */
  newMembers?: readonly string[]
  /** Absent from a collection without replicas. */
  replicas?: ReplicaFacts
  /** Scans it took; absent from a backup that does not settle. */
  settled?: {rounds: number; settled: boolean}
}

/** One or more sentences, of what was done and compared. */
export function sealedGuarantee({completeness, newMembers = [], replicas, settled}: GuaranteeFacts): string {
  if (!completeness) return 'The schema, tenants and aliases are as the server gave them; objects were not asked for.'
  const sentences: string[] = []
  const isCompared = (replicas?.report?.addresses.length ?? 1) > 1
  const asHad = isCompared ? 'as the newest of the compared replicas had it' : 'as the answering replica had it'
  if (!completeness.complete) {
    sentences.push(
      `${plural(completeness.shortfall, 'object that the server counted is', 'objects that the server counted are')} not in the backup; of the others, each is in it exactly once, ${asHad}.`,
    )
  } else if (settled?.settled) sentences.push(settledAs(asHad))
  else sentences.push(kept(asHad))
  if (settled && !settled.settled) {
    sentences.push(
      `The collection still changed after ${settled.rounds} scans: objects that were written or deleted since they were last seen are in the backup as they were then.`,
    )
  }

  const {counted, found} = completeness
  const [before, after] = [counted.before, counted.after].map((count) => count ?? 'an unknown number')
  sentences.push(`The server counted ${before} before and ${after} after; ${counted.read} were read.`)
  if (found > 0) sentences.push(`${found} of them came out in a second listing only, over the other transport.`)
  if (newMembers.length > 0) sentences.push(gotSentence(newMembers))
  if (replicas) sentences.push(...replicaSentences(replicas))
  return sentences.join(' ')
}

function gotSentence(newMembers: readonly string[]): string {
  return `The collection got ${newMembers.join(', ')} meanwhile: what was written of them may not be in the backup.`
}

/** The other way round: what a sealed guarantee says that came into being meanwhile; undefined: nothing did. */
export function newMembersIn(guarantee: string): string[] | undefined {
  return /The collection got (?<names>.+?) meanwhile: what was written of them/
    .exec(guarantee)
    ?.groups?.names?.split(', ')
}
