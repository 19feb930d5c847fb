/** Starts the tool in processes that die, and counts what came of it. */
import {spawn} from 'node:child_process'
import {accessSync, constants} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import process from 'node:process'

import type {WorkerJob} from './worker.js'

/** Rounds of each kind of kill: 3 in `npm test`, 100 in `npm run test:fault`. */
export const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 3)
/** Another seed dies at other moments; a failing round names its own. */
export const SEED = Number(process.env.FAULT_SEED ?? 1)

/** In memory where that can be: a killed process loses no more there than on a disk, and thousands of fsyncs take no time. */
export async function temporaryFolder(): Promise<{path: string; remove: () => Promise<void>}> {
  const directory = await mkdtemp(path.join(isWritable('/dev/shm') ? '/dev/shm' : tmpdir(), 'elysia-fault-'))
  return {path: directory, remove: async () => rm(directory, {force: true, recursive: true})}
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false
  }
}

export interface WorkerRun {
  error?: {code: string; hint?: string; message: string}
  /** It died as it was told to. */
  killed: boolean
  result?: Record<string, unknown>
  /** Steps that it took; 0 when it was killed. */
  steps: number
}

/** @throws Error with what it printed when it ended in any other way than by its own SIGKILL or with an answer. */
export async function runWorker(
  worker: string,
  job: WorkerJob,
  nodeArguments: readonly string[] = [],
): Promise<WorkerRun> {
  const child = spawn(process.execPath, [...nodeArguments, worker, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code, signal] = await new Promise<[null | number, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...end) => {
      resolve(end)
    })
  })
  if (signal === 'SIGKILL' && job.killAt !== undefined) return {killed: true, steps: 0}
  if (code !== 0 || stdout === '') throw new Error(`the worker ended with ${signal ?? code}: ${stderr}`)
  return {killed: false, ...(JSON.parse(stdout) as Omit<WorkerRun, 'killed'>)}
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e_37_79_b9)
  return () => {
    state = Math.trunc(state + 0x6d_2b_79_f5)
    const mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    const value = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A moment of a run of so many steps for round `round` of `rounds`: somewhere in its share of the run, so that all of it is hit. */
export function momentOf(round: number, rounds: number, steps: number, random: () => number): number {
  return 1 + Math.min(steps - 1, Math.floor(((round + random()) / rounds) * steps))
}
