import {beforeAll, describe, expect, it} from 'vitest'

import {type Answer, openTarget, type Target, useTarget, uuid} from './target.js'

/** As many random requests, most of them invalid, from this seed on. */
const REQUESTS = 200
const SEED = Number(process.env.INVALID_SEED ?? 1)

const {create, named, target} = useTarget()
let plain = ''
let tenants = ''

/** A linear congruential generator: its state stays below 2^31. */
function randomOf(seed: number): <T>(choices: readonly T[]) => T {
  let state = seed
  return (choices) => {
    state = (state * 48_271 + 11) % 2_147_483_647
    return choices[Math.floor((state / 2_147_483_647) * choices.length)]!
  }
}

interface Request {
  body: unknown
  method: string
  path: string
}

const VALUES = [1, 1.5, -1, 'x', '', true, [], ['a', 1], {}, {a: 1}, '2020-01-01', '2020-13-01T00:00:00Z'] as const

const MAKERS: Array<(pick: ReturnType<typeof randomOf>) => Request> = [
  (pick) => ({
    body: {
      class: pick([named('New'), 'a b', '', '1a', plain]),
      [pick(['vectorIndexType', 'vectorizer', 'x'])]: pick(['nope', 'hnsw', 'none']),
      invertedIndexConfig: {bm25: {b: pick([-1, 0.5, 3]), k1: pick([-1, 1.2])}},
      properties: [{dataType: pick([['nope'], [], ['text', 'int'], ['Nope']]), name: pick(['p', 'a b', 'id'])}],
    },
    method: 'POST',
    path: '/schema',
  }),
  (pick) => ({
    body: {
      class: pick([plain, tenants, named('Missing')]),
      id: pick([uuid(2), 'nope']),
      properties: {[pick(['i', 'd', 'u', 'b', 'g', 'nope'])]: pick(VALUES)},
      tenant: pick(['', 'x', 'y']),
    },
    method: 'POST',
    path: pick(['/objects', '/objects/validate']),
  }),
  (pick) => ({
    body: [{activityStatus: pick(['HOT', 'NOPE', 'FROZEN', 'FREEZING']), name: pick(['', 'a b', 'x', 'zz'])}],
    method: pick(['POST', 'PUT']),
    path: `/schema/${pick([plain, tenants, named('Missing')])}/tenants`,
  }),
  (pick) => ({
    body: {
      dryRun: true,
      match: {
        class: pick([plain, named('Missing')]),
        where: {
          operator: pick(['Equal', 'Like', 'GreaterThan', 'And', 'Nope', 'IsNull', 'ContainsAny']),
          path: pick([['i'], ['d'], ['u'], ['nope'], [], ['i', 'j'], ['len(t)']]),
          [pick(['valueInt', 'valueText', 'valueBoolean', 'valueDate', 'value'])]: pick(VALUES),
        },
      },
    },
    method: 'DELETE',
    path: '/batch/objects',
  }),
]

function requestsOf(seed: number): Request[] {
  const pick = randomOf(seed)
  return Array.from({length: REQUESTS}, () => pick(MAKERS)(pick))
}

async function prepare(on: Target): Promise<void> {
  await on.rest('POST', '/objects', {class: plain, id: uuid(1), properties: {t: 'kept'}})
  await on.rest('POST', `/schema/${tenants}/tenants`, [{name: 'x'}])
}

const PLAIN = {
  properties: Object.entries({b: 'boolean', d: 'date', g: 'geoCoordinates', i: 'int', t: 'text', u: 'uuid'}).map(
    ([name, type]) => ({dataType: [type], name}),
  ),
}
const TENANTS = {...PLAIN, multiTenancyConfig: {enabled: true}}

/** What is there: classes of this test, tenants, and objects. */
async function worldOf(on: Target): Promise<string> {
  const paths = [`/schema/${plain}`, `/schema/${tenants}`, `/schema/${tenants}/tenants`, `/objects?class=${plain}`]
  const answers = await Promise.all(paths.map(async (path) => on.rest('GET', path)))
  // Auto-schema adds its properties before an object is looked at: those of refused ones stay.
  return answers.map(({text}) => text.replaceAll(/,\{[^{}]*auto-schema feature[^{}]*\}/g, '')).join('')
}

const isRefused = ({status}: Answer): boolean => status >= 400

describe(`${REQUESTS} random requests, most of them invalid`, () => {
  beforeAll(async () => {
    plain = await create('Plain', PLAIN)
    tenants = await create('Tenants', TENANTS)
    await prepare(target)
  })

  it('are answered without a stack trace, and those that are refused change nothing', async () => {
    let refused = 0
    let before = await worldOf(target)
    for (const {body, method, path} of requestsOf(SEED)) {
      const answer = await target.rest(method, path, body)
      expect([answer.text, method, path, body]).not.toEqual([
        expect.stringMatching(/embedded server: .*Error|\n\s+at /),
        method,
        path,
        body,
      ])
      const after = await worldOf(target)
      if (isRefused(answer)) {
        refused++
        expect(after).toBe(before)
      }

      before = after
      await target.rest('DELETE', `/schema/${named('New')}`)
    }

    expect(refused).toBeGreaterThan(REQUESTS / 2)
  }, 120_000)

  // A campaign of its own, on a 1.39: INVALID_SEED says where it starts.
  it.runIf(process.env.WEAVIATE_URL && process.env.INVALID_SEED)(
    'are refused by both servers, or by neither',
    async () => {
      const {WEAVIATE_URL: url} = process.env
      delete process.env.WEAVIATE_URL
      const embedded = await openTarget()
      process.env.WEAVIATE_URL = url
      const differences: unknown[] = []
      try {
        for (const [name, schema] of [
          [plain, PLAIN],
          [tenants, TENANTS],
        ] as const)
          await embedded.rest('POST', '/schema', {class: name, ...schema})
        await prepare(embedded)
        for (const {body, method, path} of requestsOf(SEED + 1)) {
          const [real, ours] = [await target.rest(method, path, body), await embedded.rest(method, path, body)]
          if (isRefused(real) !== isRefused(ours))
            differences.push({body, method, ours: ours.text, path, real: real.text})
          for (const on of [target, embedded]) await on.rest('DELETE', `/schema/${named('New')}`)
        }
      } finally {
        await embedded.close()
      }

      expect(differences.map((each) => JSON.stringify(each))).toEqual([])
    },
    120_000,
  )
})
