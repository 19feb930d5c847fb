import {existsSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {expect, it} from 'vitest'

import {TemporaryFolder} from '../../src/flow/records.js'

it('temporary folders go with a process that is ended at once', async () => {
  const before = process.listeners('exit')
  const [first, second, removed] = [new TemporaryFolder(), new TemporaryFolder(), new TemporaryFolder()]
  const paths = [await first.path(), await second.path()]
  await removed.path()
  await removed.remove()
  for (const each of paths) await writeFile(path.join(each, 'objects.parquet'), 'in the clear')
  const added = process.listeners('exit').filter((listener) => !before.includes(listener))
  expect(added).toHaveLength(1)
  added[0]!(130)
  expect(paths.map((each) => existsSync(each))).toEqual([false, false])
  await first.remove()
  await second.remove()
  expect(process.listeners('exit')).toEqual(before)
})
