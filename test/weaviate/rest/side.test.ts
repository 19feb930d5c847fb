/** What REST shows beside gRPC, of objects that are large. */
import {expect, it} from 'vitest'

import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {startTestServer} from '../../support/collections.js'

it('lists fewer objects where those asked for are large, and one however large it is', async () => {
  const {close, connection} = await startTestServer()
  const className = 'RestSideLarge'
  try {
    await connection.deleteCollection(className)
    await connection.createCollection({
      class: className,
      properties: [{dataType: ['blob'], name: 'scan'}],
      vectorizer: 'none',
    })
    const collection = planCollection((await connection.getCollection(className))!)
    for (const [index, megabytes] of [17, 1, 1].entries()) {
      const objects = [
        {
          id: `00000000-0000-4000-8000-00000000000${index}`,
          properties: {scan: 'QUJD'.repeat(megabytes * 262_144)},
        },
      ]
      expect(await connection.writeObjects({collection, objects})).toEqual([])
    }

    const listed = await connection.restSide!.listObjects({className, limit: 10})
    expect(listed.map(({id}) => id)).toEqual(['00000000-0000-4000-8000-000000000000'])
    expect(listed[0]!.creationTimeUnix).toBeGreaterThan(0)
  } finally {
    await connection.deleteCollection(className)
    await close()
  }
})
