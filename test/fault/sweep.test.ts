/**
 * A process dies at a call to the store, or that call fails, or its answer is lost: what is listed is whole, what is told is so, and the
 * next run ends it. Some calls of each; `SWEEP=all` takes every one.
 */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {newIdentity} from '../../src/codec/age/header.js'
import {DataOpsError} from '../../src/index.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {GRACE, SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'
import {LocalStore} from '../../src/store/local/store.js'
import {s3Place, withEnvironment} from '../store/s3/support.js'
import {makeCollection, startTestServer, temporaryDirectory} from '../support/collections.js'
import {type Death, dyingStore} from '../support/dying-store.js'
import {memoryStore} from '../support/memory-store.js'
import {BUCKET, startS3} from '../support/s3-server.js'
import {NAME, OBJECTS, type Place, type Scenario, SCENARIOS, type Sweep} from './sweep.js'

const SETTINGS = [FLUSH_EVERY, GRACE, SAVE_EVERY].map((setting) => ({before: setting.ms, setting}))
const IS_ALL = process.env.SWEEP === 'all'
const DEATHS: Death[] = ['dies', 'fails', 'lost']

let context: Pick<Sweep, 'me' | 'server' | 'state'>
const endings: Array<() => Promise<unknown> | void> = []

beforeAll(async () => {
  const [server, s3, state] = [await startTestServer(), await startS3(), await temporaryDirectory()]
  endings.push(withEnvironment(s3.env), s3.close, server.close, state.remove)
  context = {me: await newIdentity(), server, state: state.path}
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  for (const {setting} of SETTINGS) setting.ms = 0
})

afterAll(async () => {
  for (const {before, setting} of SETTINGS) setting.ms = before
  await context.server.connection.deleteCollection(NAME)
  for (const end of endings) await end()
})

const KINDS: Array<Pick<Sweep, 'isEncrypted' | 'options'>> = [
  {options: {format: 'json'}},
  {options: {compress: true, format: 'json'}},
  {options: {format: 'parquet'}},
  {options: {format: 'arrow'}},
  {isEncrypted: true, options: {format: 'json'}},
  {isEncrypted: true, options: {format: 'arrow'}},
]
const titleOf = ({isEncrypted, options}: (typeof KINDS)[number]): string =>
  [isEncrypted && 'encrypted', options.compress && 'compressed', options.format].filter(Boolean).join(' ')

const PLACES: Record<string, () => Promise<Place>> = {
  memory: async () => ({async remove() {}, store: memoryStore()}),
  async folder() {
    const folder = await temporaryDirectory()
    return {remove: folder.remove, store: new LocalStore(folder.path)}
  },
  async s3() {
    const {cleanUp, store} = s3Place(BUCKET)
    return {remove: cleanUp, store}
  },
}

interface Try {
  open: () => Promise<Place>
  scenario: Scenario
  sweep: Omit<Sweep, 'store'>
}

/** Prepares, runs against a store that dies, and checks what is there then. Returns the calls that were made. */
async function run({open, scenario, sweep}: Try, death?: Death, at = Infinity): Promise<number> {
  const {remove, store} = await open()
  const ids = await scenario.prepare({...sweep, store})
  const {calls, store: dying} = dyingStore(store, death, at)
  let failure: unknown
  let result: unknown
  try {
    result = await scenario.run({...sweep, store: dying}, ids)
  } catch (error) {
    failure = error
  }

  try {
    // Whatever was done so far: a store that does not answer says nothing of what lies there.
    expect(failure === undefined || (failure instanceof DataOpsError && failure.code)).toBe(
      failure === undefined || 'STORAGE',
    )
    if (!death) expect(failure).toBeUndefined()
    await scenario.check({...sweep, store}, {ids, isDone: failure === undefined, result})
  } catch (error) {
    const told = failure instanceof Error ? failure.message : 'nothing'
    throw new Error(`${death} at ${at}, ${calls[at - 1]}, which told: ${told}`, {cause: error})
  } finally {
    await remove()
  }

  return calls.length
}

let ordinal = 0

/** Every call with each death; or one, here at this and there at that, spread over all of them. */
function tries(count: number): Array<{at: number; death: Death}> {
  const all = DEATHS.flatMap((death) => Array.from({length: count}, (_, index) => ({at: index + 1, death})))
  return IS_ALL ? all : [all[Math.floor(((++ordinal * 0.618) % 1) * all.length)]!]
}

/** Without `SWEEP=all`: each kind and each thing to do, but not each with each, and elsewhere than in memory little. */
const SOME: Record<string, string[]> = {
  folder: ['resume'],
  memory: SCENARIOS.map(({title}) => title),
  s3: ['backup', 'prune'],
}
const CASES = Object.entries(PLACES)
  .flatMap(([where, open], place) =>
    KINDS.flatMap((kind, each) =>
      SCENARIOS.map((scenario, what) => ({
        isSome: (each + what + place) % KINDS.length === 0 && SOME[where]?.includes(scenario.title),
        kind,
        open,
        scenario,
        title: `${scenario.title}, ${titleOf(kind)}, ${where}`,
      })),
    ),
  )
  .filter(({isSome, kind, scenario}) => (IS_ALL || isSome) && (!scenario.isOfEncrypted || kind.isEncrypted))

describe.each(CASES)('$title', ({kind, open, scenario}) => {
  it('holds at whatever call', async () => {
    const each = {open, scenario, sweep: {...context, ...kind}}
    const count = await run(each)
    const broken: string[] = []
    for (const {at, death} of tries(count)) {
      try {
        await run(each, death, at)
      } catch (error) {
        const {cause, message} = error as Error & {cause: Error & {actual?: unknown}}
        broken.push(`${message}: ${cause.message} ${JSON.stringify(cause.actual)}`)
      }
    }

    expect(broken).toEqual([])
  }, 3_600_000)
})
