/** What is read of a row group in several pages is not held: it may be of gigabytes. */
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {expect, it} from 'vitest'

import {NotedSource} from '../../../src/codec/parquet/noted-source.js'

const KILOBYTE = 1024
const PIECES = 20

function counting() {
  const given: Uint8Array[] = []
  const refs: Array<WeakRef<Uint8Array>> = []
  return {
    given,
    giveBack(bytes: Uint8Array) {
      given.push(bytes)
    },
    async read(start: number, end: number) {
      const bytes = new Uint8Array(end - start)
      refs.push(new WeakRef(bytes))
      return bytes
    },
    refs,
    size: PIECES * KILOBYTE,
  }
}

async function readAll(source: NotedSource): Promise<void> {
  for (let at = 0; at < PIECES; at++) await source.read(at * KILOBYTE, (at + 1) * KILOBYTE)
}

it('gives all of it back once', async () => {
  const source = counting()
  const noted = new NotedSource(source)
  await readAll(noted)
  noted.giveAllBack()
  expect(source.given).toHaveLength(PIECES)
  noted.giveAllBack()
  expect(source.given).toHaveLength(PIECES)
})

it('holds nothing once it has stopped', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const source = counting()
  const noted = new NotedSource(source)
  noted.stop()
  await readAll(noted)
  // What a WeakRef has shown stays until the end of the turn.
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  collect()
  expect(source.refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(PIECES / 2)
  noted.giveAllBack()
  expect(source.given).toEqual([])
})
