/** What a backup promises when it begins (`metadata.guarantee`), and what came of it (`seal.guarantee`). */
import type {Completeness} from './completeness.js'

const PROMISED =
  'Every object that exists from start to finish is in the backup exactly once; objects written or deleted meanwhile may or may not be. What came of it stands in seal.guarantee.'
const PROMISED_SETTLED =
  'The collection is scanned again until a scan finds every object in the backup, and no other. What came of it stands in seal.guarantee.'

const KEPT =
  'Every object that existed from start to finish is in the backup exactly once, as the answering replica had it; objects written or deleted meanwhile may or may not be.'
const SETTLED =
  'The collection was scanned again until a scan found every object in the backup as the answering replica had it, and no other.'

export function promisedGuarantee(settles: boolean): string {
  return settles ? PROMISED_SETTLED : PROMISED
}

export interface GuaranteeFacts {
  completeness?: Completeness
  /** Of the collection; default 1. */
  replicationFactor?: number
  /** Scans it took; absent from a backup that does not settle. */
  settled?: {rounds: number; settled: boolean}
}

/** One or more sentences, of what was done and compared. */
export function sealedGuarantee({completeness, replicationFactor = 1, settled}: GuaranteeFacts): string {
  if (!completeness) return 'The schema, tenants and aliases are as the server gave them; objects were not asked for.'
  const sentences: string[] = []
  if (!completeness.complete) {
    sentences.push(
      `${completeness.shortfall} objects that the server counted are not in the backup; of the others, each is in it exactly once, as the answering replica had it.`,
    )
  } else if (settled?.settled) sentences.push(SETTLED)
  else sentences.push(KEPT)
  if (settled && !settled.settled) {
    sentences.push(
      `The collection still changed after ${settled.rounds} scans: objects that were written or deleted since they were last seen are in the backup as they were then.`,
    )
  }

  const {counted, found} = completeness
  sentences.push(countedSentence(counted.before, counted.after, counted.read))
  if (found > 0) sentences.push(`${found} of them came out in a second listing only, over the other transport.`)
  if (replicationFactor > 1) {
    sentences.push(
      `The collection has ${replicationFactor} replicas: the one that answered was read, and not compared with the others.`,
    )
  }

  return sentences.join(' ')
}

function countedSentence(before: null | number, after: null | number, read: number): string {
  const text = (count: null | number): string => (count === null ? 'an unknown number' : String(count))
  return `The server counted ${text(before)} before and ${text(after)} after; ${read} were read.`
}
