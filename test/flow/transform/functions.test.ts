import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {expect, it} from 'vitest'

import {loadTransform} from '../../../src/flow/transform/functions.js'
import {temporaryDirectory} from '../../support/collections.js'

it('a module that was changed since it was loaded runs as it is now, by the hash that it has now', async () => {
  const directory = await temporaryDirectory()
  const file = path.join(directory.path, 'change.mjs')
  const object = {id: '00000000-0000-4000-8000-000000000001', properties: {}}
  const made: unknown[] = []
  const hashes = new Set<unknown>()
  for (const text of ['one', 'two']) {
    await writeFile(file, `export const object = (object) => ({...object, properties: {text: '${text}'}})`)
    const transform = await loadTransform(file)
    made.push(...(await transform.page!([object], {class: 'Any'})))
    hashes.add(transform.record.sha256)
  }

  expect(made).toEqual([
    {...object, properties: {text: 'one'}},
    {...object, properties: {text: 'two'}},
  ])
  expect(hashes.size).toBe(2)
  await directory.remove()
})
