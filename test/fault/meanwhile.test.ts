/**
 * Jobs beside writers and other jobs, killed and paused, judged by the writers' own log. `MEANWHILE` says how many schedules (default 2), `MEANWHILE_FROM` the first seed,
 * `MEANWHILE_SEED` runs one; `MEANWHILE_LONG` has pauses longer than a lease, `MEANWHILE_AT_ONCE` schedules at a time, each on a server of its own.
 */
import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'

import {inParallel} from '../../src/model/in-parallel.js'
import {
  COLLECTION,
  type Job,
  longScheduleOf,
  type MeanwhileServer,
  type Ran,
  runJob,
  type Schedule,
  scheduleOf,
  startMeanwhileServer,
  Writers,
} from './meanwhile.js'
import {randomOf} from './situations.js'

const {MEANWHILE = '1', MEANWHILE_AT_ONCE = '1', MEANWHILE_FROM = '1', MEANWHILE_LONG, MEANWHILE_SEED} = process.env
const FROM = Number(MEANWHILE_SEED ?? MEANWHILE_FROM)
const MANY = MEANWHILE_SEED === undefined ? Number(MEANWHILE) : 1
const IS_LONG = Boolean(MEANWHILE_LONG)
const QUIET: Job = {kind: 'backup', startAt: 0}

type Contents = Map<string, string>

describe.skipIf(process.platform === 'win32')('while others write and other jobs run', () => {
  it(
    `${MANY} schedules break no guarantee`,
    async () => {
      const seeds = Array.from({length: MANY}, (_, index) => FROM + index)
      const verdicts = await inParallel(seeds, {atOnce: Number(MEANWHILE_AT_ONCE)}, async (seed) => {
        // What stops a schedule that is not the tool's stops no campaign.
        const verdict = await play(seed).catch((error: unknown): Verdict => {
          if (MANY <= 4) throw error
          return {inWindow: 0, story: String(error), wrong: ['not played']}
        })
        if (MANY > 4) console.log(lineOf(seed, verdict))
        return {...verdict, seed}
      })
      const window = verdicts.reduce((sum, {inWindow}) => sum + inWindow, 0)
      const violations = verdicts
        .filter(({wrong}) => wrong.length > 0)
        .map(({seed, ...verdict}) => lineOf(seed, verdict))
      if (MANY > 4)
        console.log(`${MANY} schedules, ${violations.length} violations, ${window} writes in the windows of clears`)
      expect(violations.join('\n\n')).toBe('')
    },
    MANY * 60_000 + 60_000,
  )
})

interface Verdict {
  inWindow: number
  story: string
  wrong: string[]
}

function lineOf(seed: number, {inWindow, story, wrong}: Verdict): string {
  return wrong.length > 0
    ? `seed ${seed}: ${wrong.join(' | ')}\n${story}`
    : `seed ${seed}: kept, ${inWindow} in windows`
}

async function play(seed: number): Promise<Verdict> {
  const random = randomOf(seed)
  const schedule = (IS_LONG ? longScheduleOf : scheduleOf)(seed, random)
  const server = await startMeanwhileServer()
  const directory = await mkdtemp(path.join(tmpdir(), 'data-ops-meanwhile-'))
  try {
    await create(server)
    const writers = new Writers(server, random)
    // Something to back up, and a backup to restore.
    for (let count = 0; count < 60; count++)
      await writers.put(`ffffffff-0000-4000-8000-${count.toString(16).padStart(12, '0')}`, `first ${count}`)
    const common = ['--url', server.url, '--grpc-url', server.grpcUrl, '-o', directory]
    const first = await runJob(QUIET, ['col', 'backup', COLLECTION, ...common])
    const firstPath = String(first.json?.path)
    writers.start(schedule)
    const ever = await sealedBackups(directory)
    const world = disturb(server, schedule, writers)
    const ran = await Promise.all(
      schedule.jobs.map(async (job, index) => {
        await sleep(job.startAt)
        const done = await runJob(job, argvOf(job, index, firstPath, common))
        // What was sealed once counts, whatever a prune does later.
        for (const [where, contents] of await sealedBackups(directory)) ever.set(where, contents)
        return done
      }),
    )
    await world
    await writers.stop()
    const last = await runJob(QUIET, ['col', 'backup', COLLECTION, '--no-resume', ...common])
    const all = [first, ...ran, last]
    const backups = await sealedBackups(directory)
    const {inWindow, wrong} = judgeLost(writers, all, [
      ...ever.values(),
      ...backups.values(),
      await contentsOf(server, COLLECTION),
    ])
    wrong.push(
      ...judgeBackups(writers, all, backups),
      ...judgeMixed(writers, all, backups),
      ...(await judgeRestores(server, ran, ever.get(firstPath))),
      ...judgeWords(all),
    )
    if (last.code !== 0) wrong.push(`the last backup, alone, ended with ${last.code}: ${JSON.stringify(last.json)}`)
    const verified = await runJob(QUIET, ['col', 'verify', COLLECTION, '--against', String(last.json?.path), ...common])
    if (last.code === 0 && verified.code !== 0)
      wrong.push(`what is still differs from its backup: ${JSON.stringify(verified.json)}`)
    return {inWindow, story: storyOf(all), wrong}
  } finally {
    await server.close()
    await rm(directory, {force: true, recursive: true})
  }
}

/** What happens to the server and to the collection meanwhile. */
async function disturb(server: MeanwhileServer, {dropAt, outage}: Schedule, writers: Writers): Promise<void> {
  const fall = async (): Promise<void> => {
    if (!outage) return
    await sleep(outage.at)
    await server.interrupt(outage.for)
  }

  const drop = async (): Promise<void> => {
    if (dropAt === undefined) return
    await sleep(dropAt)
    await writers.drop(async () => {
      // Until it is done: the server may be away.
      await persistently(async () => fetch(`${server.url}/v1/schema/${COLLECTION}`, {method: 'DELETE'}))
      await create(server)
    })
  }

  await Promise.all([fall(), drop()])
}

async function persistently(call: () => Promise<Response>): Promise<void> {
  for (;;) {
    const response = await call().catch(() => undefined)
    // 422: another has made it meanwhile.
    if (response?.ok || response?.status === 422) return
    await sleep(20)
  }
}

function argvOf({kind}: Job, index: number, first: string, common: readonly string[]): string[] {
  const words: Record<Job['kind'], string[]> = {
    backup: ['col', 'backup', COLLECTION],
    clear: ['col', 'clear', COLLECTION, '--force', '--backup-first'],
    drop: ['col', 'clear', COLLECTION, '--force', '--backup-first', '--no-keep-schema'],
    merge: ['col', 'restore', first, '--merge', '--on-conflict', 'skip'],
    prune: ['backup', 'prune', '--keep-last', '2'],
    restore: ['col', 'restore', first, '--name', copyName(index), '--verify'],
    settle: ['col', 'backup', COLLECTION, '--settle'],
    verify: ['col', 'verify', COLLECTION, '--against', first],
  }
  const place = kind === 'prune' ? common.slice(-2) : common
  return [...words[kind], ...place]
}

/** With long pauses all restores share one target: who comes later finds what the sleeper left. */
function copyName(index: number): string {
  return IS_LONG ? 'Copy' : `Copy${index}`
}

async function create(server: MeanwhileServer): Promise<void> {
  await persistently(async () =>
    fetch(`${server.url}/v1/schema`, {
      body: JSON.stringify({
        class: COLLECTION,
        description: 'kept',
        properties: [{dataType: ['text'], name: 'text'}],
        vectorizer: 'none',
      }),
      headers: {'content-type': 'application/json'},
      method: 'POST',
    }),
  )
}

async function contentsOf(server: MeanwhileServer, name: string): Promise<Contents> {
  const response = await fetch(`${server.url}/v1/objects?class=${name}&limit=10000`)
  const {objects} = (await response.json()) as {objects?: Array<{id: string; properties: {text: string}}> | null}
  return new Map((objects ?? []).map(({id, properties}) => [id, properties.text]))
}

/** Contents of every document that is listed under its final name, read without the tool; by path. */
async function sealedBackups(directory: string): Promise<Map<string, Contents>> {
  const found = new Map<string, Contents>()
  for (const name of await readdir(directory)) {
    if (!/^Meanwhile_.*\.json$/.test(name)) continue
    const where = path.join(directory, name)
    const text = await readFile(where, 'utf8').catch(() => '')
    if (text === '') continue
    const document = JSON.parse(text) as {
      objects: Array<{id: string; properties: {text: string}}>
      seal: {amendments?: Array<[unknown, string, number]>}
    }
    const amended = document.seal.amendments ?? []
    const contents: Contents = new Map()
    for (const [row, {id, properties}] of document.objects.entries()) {
      if (amended.every(([, other, from]) => !(other === id && row < from))) contents.set(id, properties.text)
    }

    found.set(where, contents)
  }

  return found
}

/** What was acknowledged last and is in no backup and not on the server is lost, but for the windows that clears name. */
function judgeLost(
  writers: Writers,
  all: readonly Ran[],
  places: readonly Contents[],
): {inWindow: number; wrong: string[]} {
  const clears = all.filter(({job}) => job.kind === 'clear' || job.kind === 'drop')
  const lost: Array<{acked: number; begun: number; id: string}> = []
  for (const [id, history] of writers.log) {
    const last = history.at(-1)
    // Deleted, or not known.
    if (typeof last?.text !== 'string') continue
    if (places.every((contents) => contents.get(id) !== last.text)) lost.push({id, ...last})
  }

  if (lost.length === 0) return {inWindow: 0, wrong: []}
  const windowMs = clears.reduce((sum, {code, json}) => sum + (code === 0 ? Number(json?.windowMs ?? 0) : 2000), 0)
  const outside = lost.filter(({acked}) => clears.every(({ended, started}) => !(acked > started && acked < ended + 50)))
  const span = Math.max(...lost.map(({acked}) => acked)) - Math.min(...lost.map(({begun}) => begun))
  const isWithin = outside.length === 0 && span <= windowMs + 100 * clears.length
  return isWithin
    ? {inWindow: lost.length, wrong: []}
    : {
        inWindow: 0,
        wrong: [
          `${lost.length} acknowledged writes are lost, over ${span.toFixed(0)} ms (windows of ${windowMs} ms), such as ${lost[0]!.id}`,
        ],
      }
}

/** What was there from start to finish of a backup that ended well is in it as it was. */
function judgeBackups(writers: Writers, all: readonly Ran[], backups: ReadonlyMap<string, Contents>): string[] {
  const wrong: string[] = []
  const others = all.filter(({job}) => ['clear', 'drop', 'merge'].includes(job.kind))
  for (const {code, ended, job, json, started} of all) {
    if (code !== 0 || !['backup', 'settle'].includes(job.kind)) continue
    const contents = backups.get(String(json?.path))
    // Pruned since.
    if (!contents) continue
    if (others.some((other) => other.started < ended && other.ended > started)) continue
    const cleared = others.filter((other) => other.ended <= started)
    for (const [id, history] of writers.log) {
      const before = history.findLast(({acked}) => acked < started)
      if (
        before?.text === undefined ||
        before.text === null ||
        history.some(({acked, begun}) => acked > started && begun < ended)
      )
        continue
      if (cleared.some((other) => other.ended > before.begun)) continue
      if (contents.get(id) !== before.text)
        wrong.push(`${job.kind} lacks ${id} (${before.text}), has ${contents.get(id)}`)
    }
  }

  return wrong.slice(0, 3)
}

/** A backup is of one collection, of the one that was dropped or of the one that was made anew. */
function judgeMixed(
  {dropped, textsBefore}: Writers,
  all: readonly Ran[],
  backups: ReadonlyMap<string, Contents>,
): string[] {
  if (!dropped) return []
  // Merges bring the first objects back.
  const merges = all.filter(({job}) => job.kind === 'merge')
  if (merges.length > 0) return []
  return all.flatMap(({code, job, json}) => {
    const contents = code === 0 ? backups.get(String(json?.path)) : undefined
    const texts = [...(contents?.values() ?? [])]
    const anew = texts.filter((text) => text.startsWith('anew ')).length
    // What was on its way while it was dropped may be in either.
    const old = texts.filter((text) => textsBefore.has(text)).length
    return anew > 0 && old > 0 && ['backup', 'settle'].includes(job.kind)
      ? [`${job.kind} has ${anew} objects of the new collection and ${old} of the old one`]
      : []
  })
}

/** A restore that says that it verified holds what its backup holds. */
async function judgeRestores(
  server: MeanwhileServer,
  ran: readonly Ran[],
  first: Contents | undefined,
): Promise<string[]> {
  const wrong: string[] = []
  for (const [index, {code, job}] of ran.entries()) {
    if (code !== 0 || job.kind !== 'restore' || !first) continue
    const copy = await contentsOf(server, copyName(index))
    const differing = [...first].filter(([id, text]) => copy.get(id) !== text)
    if (copy.size !== first.size || differing.length > 0)
      wrong.push(
        `${copyName(index)} has ${copy.size} objects of ${first.size}, ${differing.length} missing or different`,
      )
  }

  return wrong
}

/** Each run that was not killed ends with a documented code and one JSON document. */
function judgeWords(all: readonly Ran[]): string[] {
  return all
    .filter(({job}) => job.killAt === undefined)
    .filter(
      ({code, json}) =>
        json === undefined ||
        ![0, 1, 3, 4, 5, 6].includes(code ?? -1) ||
        (json.error as undefined | {code?: string})?.code === 'UNEXPECTED',
    )
    .map(({code, job, json, stderr}) => `${job.kind} ended with ${code}: ${JSON.stringify(json) ?? stderr}`)
}

function storyOf(all: readonly Ran[]): string {
  return all
    .map(
      ({code, ended, job, json, started}) =>
        `  ${started.toFixed(0)}–${ended.toFixed(0)} ${JSON.stringify(job)} → ${code} ${JSON.stringify(json)?.slice(0, 400)}`,
    )
    .join('\n')
}
