/** What a run has shown, for the table in docs/reliability.md: kept only when FAULT_REPORT names a file. See scripts/reliability-table.mjs. */
import {appendFileSync, mkdirSync} from 'node:fs'
import path from 'node:path'
import process from 'node:process'

export interface Finding {
  /** What was done, what went wrong and how often: a row of the table. */
  fault: string
  job: 'backup' | 'clear' | 'prune' | 'restore' | 'verify'
  /** Anything worth a word: objects, references, repetitions. */
  note?: string
  /** Objects (or references) that were missing, doubled or different in the end. */
  objectsLost: number
  /** Defaults to the server that WEAVIATE_URL names, or the embedded one. */
  server?: 'embedded' | 'none' | 'real'
  times: number
  /** Backups that were listed and did not hold. */
  wronglyListed: number
}

export function report(finding: Finding): void {
  const file = process.env.FAULT_REPORT
  if (!file) return
  mkdirSync(path.dirname(file), {recursive: true})
  appendFileSync(file, `${JSON.stringify({server: process.env.WEAVIATE_URL ? 'real' : 'embedded', ...finding})}\n`)
}
