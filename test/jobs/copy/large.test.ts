/** Copies of large objects hold few of them at a time. */
import {expect, it} from 'vitest'

import {CopyManager} from '../../../src/index.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const servers = embeddedServers()
const NAME = 'LargeCopy'
const COUNT = 30
const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`

it('reads no more ahead than a few pages of small ones, and finds out which are gone', async () => {
  const [from, to] = [await servers.start(), await servers.start()]
  await from.connection.createCollection({
    class: NAME,
    properties: [{dataType: ['blob'], name: 'scan'}],
    vectorizer: 'none',
  })
  const {planCollection} = await import('../../../src/weaviate/collection-plan.js')
  const collection = planCollection((await from.connection.getCollection(NAME))!)
  const scan = 'QUJD'.repeat(375_000)
  for (let index = 0; index < COUNT; index++) {
    await from.connection.writeObjects({
      collection,
      objects: [{id: idOf(index), properties: {scan}}],
    })
  }

  // Listed, and gone when they are to be read: also the first of what is left of a stretch, and the last of all.
  const gone = [0, 1, 2, 7, 19, 20, 29].map((index) => idOf(index))
  const unwritten = new Set<string>()
  const held: number[] = []
  const source = Object.assign(Object.create(from.connection) as typeof from.connection, {
    async readPage(request: Parameters<typeof from.connection.readPage>[0]) {
      if (request.include === 'objects' && unwritten.size === 0)
        await from.connection.deleteObjects({collection: NAME, ids: gone})
      const page = await from.connection.readPage(request)
      if (request.include === 'objects') for (const {id} of page.objects) unwritten.add(id)
      return page
    },
  })
  const target = Object.assign(Object.create(to.connection) as typeof to.connection, {
    async writeObjects(request: Parameters<typeof to.connection.writeObjects>[0]) {
      held.push(unwritten.size)
      const failures = await to.connection.writeObjects(request)
      for (const {id} of request.objects) unwritten.delete(id)
      return failures
    },
  })
  const copied = await new CopyManager(source, target, {directory: servers.directory}).copyCollection(NAME)
  expect(copied).toMatchObject({gone: gone.length, restored: COUNT - gone.length})
  // Read ahead, cut into batches, and on their way: 8 MiB of each at most.
  expect(Math.max(...held)).toBeLessThanOrEqual(14)
})
