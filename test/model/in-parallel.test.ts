import {ESLint, Linter} from 'eslint'
import {setTimeout as sleep} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'

import {inParallel} from '../../src/model/in-parallel.js'
import {root} from '../support/root.js'

describe('inParallel', () => {
  it('gives every result in the order of the items, and never works on more at once', async () => {
    let running = 0
    let most = 0
    const results = await inParallel(
      Array.from({length: 50}, (_, index) => index),
      {atOnce: 4},
      async (item) => {
        most = Math.max(most, ++running)
        await sleep(item % 3)
        running--
        return item * 2
      },
    )
    expect(results).toEqual(Array.from({length: 50}, (_, index) => index * 2))
    expect(most).toBe(4)
  })

  it.each([NaN, 0, -1, 0.5])('works on all items, whatever the number at once: %d', async (atOnce) => {
    expect(await inParallel([1, 2, 3], {atOnce}, async (item) => item * 2)).toEqual([2, 4, 6])
  })

  it('begins nothing after the first failure, and throws it once the others have ended', async () => {
    const begun: number[] = []
    let ended = 0
    const failure = new Error('second')
    await expect(
      inParallel([0, 1, 2, 3, 4, 5], {atOnce: 3}, async (item) => {
        begun.push(item)
        if (item === 1) throw failure
        await sleep(5)
        ended++
      }),
    ).rejects.toBe(failure)
    expect(begun).toEqual([0, 1, 2])
    expect(ended).toBe(2)
  })

  it('begins nothing once the signal has fired', async () => {
    const controller = new AbortController()
    const begun: number[] = []
    const running = inParallel([0, 1, 2, 3], {atOnce: 1, signal: controller.signal}, async (item) => {
      begun.push(item)
      if (item === 1) controller.abort()
    })
    await expect(running).rejects.toMatchObject({code: 'INTERRUPTED'})
    expect(begun).toEqual([0, 1])
  })

  it('takes no items', async () => {
    expect(await inParallel([], {atOnce: 4}, async () => 1)).toEqual([])
  })
})

describe('the linter', () => {
  it('finds a sum that workers add to across an await', async () => {
    const config = (await new ESLint({cwd: root}).calculateConfigForFile('src/model/in-parallel.ts')) as Linter.Config
    const lost = `
      export async function countAll(names, count) {
        let objects = 0
        const waiting = [...names]
        const worker = async () => {
          for (let name = waiting.shift(); name; name = waiting.shift()) {
            objects += await count(name)
          }
        }

        await Promise.all(Array.from({length: 4}, async () => worker()))
        return objects
      }`
    const rule = 'require-atomic-updates'
    const messages = new Linter().verify(lost, {rules: {[rule]: config.rules![rule]!}})
    expect(messages.map(({ruleId, severity}) => [ruleId, severity])).toEqual([[rule, 2]])
  })
})
