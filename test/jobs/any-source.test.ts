/** A restore and a comparison need nothing of a source but its contract. */
import {readFile} from 'node:fs/promises'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {TenantNotes} from '../../src/flow/tenants/note.js'
import {transformObjects, where} from '../../src/flow/transform/index.js'
import {restoreSources} from '../../src/jobs/restore/restore.js'
import {compareSides} from '../../src/jobs/verify/compare.js'
import {SourceSide} from '../../src/jobs/verify/source-side.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {startTestServer, type TestServer} from '../support/collections.js'
import {memorySource} from '../support/memory-source.js'
import {memoryStore} from '../support/memory-store.js'
import {selfReferring} from '../support/self-referring.js'

const NAME = 'AnySource'
const {objects, schema} = selfReferring(NAME)

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => {
  await server.close()
})

const restore = async (
  source: ReturnType<typeof memorySource>,
  options: Parameters<typeof restoreSources>[2],
): ReturnType<typeof restoreSources> => {
  const store = memoryStore()
  return restoreSources(
    server.connection,
    [{backup: 'memory', open: async () => ({source, store})}],
    options,
    new TenantNotes([store]),
  )
}

it('is implemented in 40 lines', async () => {
  const text = await readFile(new URL('../support/memory-source.ts', import.meta.url), 'utf8')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('import '))
  expect(lines.length).toBeLessThanOrEqual(40)
})

it('is restored, with references and transforms, and compared', async () => {
  const {collections} = await restore(memorySource(schema, objects), {verify: true})
  expect(collections).toMatchObject([{references: 50, rejected: 0, restored: 50, verification: {equal: true}}])
  const half = where(`id < "${objects.map(({id}) => id).toSorted()[25]!}"`)
  const part = await restore(memorySource(schema, objects), {name: 'AnyPart', transforms: [half], verify: true})
  expect(part.collections).toMatchObject([{references: 25, restored: 25, verification: {equal: true}}])
})

it('is compared with another: what is missing, extra or different, however pages are cut', async () => {
  const changed = objects.map((object, index) =>
    index === 3 ? {...object, properties: {...object.properties, property0: 'Another'}} : object,
  )
  const compared = await compareSides(
    new SourceSide(memorySource(schema, objects.slice(1)), {}),
    new SourceSide(memorySource(schema, changed.slice(0, -2), {page: 11}), {}),
    {},
  )
  expect(compared).toMatchObject({counts: {different: 1, extra: 1, missing: 2}, equal: false})
  expect(compared.differences.find(({state}) => state === 'different')).toMatchObject({
    id: objects[3]!.id,
    members: ['property0'],
  })
})

it('with a transform that throws on object 17: which one, that nothing was written, how to go on', async () => {
  const failing = transformObjects(
    {
      object(object) {
        if (object.id === objects[16]!.id) throw new Error('no title')
        return object
      },
    },
    {name: 'failing'},
  )
  const failed = restore(memorySource(schema, objects), {name: 'AnyFailed', transforms: [failing]})
  await expect(failed).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    details: {id: objects[16]!.id, number: 17, transform: 'failing'},
    hint: expect.stringContaining('run it again') as string,
  })
  await expect(failed).rejects.toThrow(
    `The transform failing failed on object 17, ${objects[16]!.id}: no title. Nothing was written.`,
  )
  expect(await server.connection.getCollection('AnyFailed')).toBeUndefined()
  const plan = planCollection((await server.connection.getCollection(NAME))!)
  expect((await server.connection.readPage({collection: plan, include: 'ids', limit: 100})).objects).toHaveLength(50)
})
