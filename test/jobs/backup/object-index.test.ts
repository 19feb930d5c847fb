import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import type {ObjectContent} from '../../../src/archive/content-digest.js'

import {ObjectIndex} from '../../../src/jobs/backup/object-index.js'

const content = (seed: number): ObjectContent => ({
  hash: Uint8Array.from({length: 32}, (_, index) => (seed * 31 + index) & 0xff),
  references: seed % 7,
  vectors: (['finite', 'non-finite', 'missing'] as const)[seed % 3]!,
})

describe('ObjectIndex', () => {
  it('is a map by tenant and id, through growth and removals', () => {
    const arbitraryKey = fc.tuple(fc.option(fc.constantFrom('a', 'b', '__proto__'), {nil: undefined}), fc.uuid())
    fc.assert(
      fc.property(fc.array(arbitraryKey, {maxLength: 1500, minLength: 1, size: 'max'}), (keys) => {
        const index = new ObjectIndex()
        const model = new Map<string, {content: ObjectContent; updated: number}>()
        const modelKey = ([tenant, id]: readonly [string | undefined, string]): string => `${tenant ?? ''}/${id}`
        for (const [number, [tenant, id]] of keys.entries()) {
          index.set({id, lastUpdateTimeUnix: number, properties: {}, tenant}, content(number))
          model.set(modelKey([tenant, id]), {content: content(number), updated: number})
          if (number % 5 === 0) {
            const [removedTenant, removedId] = keys[number >> 1]!
            index.remove(removedTenant, removedId)
            model.delete(modelKey([removedTenant, removedId]))
          }
        }

        for (const [tenant, id] of keys) {
          const expected = model.get(modelKey([tenant, id]))
          expect(index.get(tenant, id)).toEqual(expected && {...expected, id, tenant})
        }

        const [seenTenant, seenId] = keys.at(-1)!
        index.see(seenTenant, seenId, 1)
        const unseen = [...index.unseen(1)].map(({id, tenant}) => modelKey([tenant, id]))
        model.delete(modelKey([seenTenant, seenId]))
        expect(unseen.sort()).toEqual([...model.keys()].sort())
      }),
      {numRuns: 20},
    )
  })
})
