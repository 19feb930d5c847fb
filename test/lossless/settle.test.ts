/** A backup of a collection that is written to meanwhile. */
import {expect, it} from 'vitest'

import type {ProgressEvent} from '../../src/model/progress.js'
import type {PageRequest} from '../../src/weaviate/connection.js'

import {dumpDifferences, FORMATS, isMissing, managersOn, tailId, useBench} from './support.js'

const bench = useBench()
const OBJECTS = 120

async function fill(name: string): Promise<void> {
  const {rest} = bench
  await bench.connection.deleteCollection(name)
  await rest.send('POST', '/schema', {
    class: name,
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: [name], name: 'self'},
    ],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
  await rest.write(Array.from({length: OBJECTS}, (_, index) => objectText(name, index, `title ${index}`)))
  await rest.refer([{from: `${name}/${tailId(1)}/self`, to: `${name}/${tailId(2)}`}])
}

function objectText(name: string, index: number, title: string): string {
  return JSON.stringify({class: name, id: tailId(index), properties: {title}, vector: [index, 1]})
}

/** Writes and deletes at the first progress of a stage, and lets nobody go on before that is done. */
function meddler(
  stage: ProgressEvent['stage'],
  meddle: () => Promise<unknown>,
): {
  done: () => Promise<unknown>
  onProgress: (event: ProgressEvent) => void
} {
  let running: Promise<unknown> | undefined
  return {
    async done() {
      expect(running).toBeDefined()
      return running
    },
    onProgress(event) {
      if (event.stage === stage) running ??= meddle()
    },
  }
}

it.each(FORMATS.filter((format) => !isMissing(format)))(
  'settles on what the collection is in the end ($title)',
  {timeout: 900_000},
  async ({compress, format}) => {
    const {rest} = bench
    const name = bench.name('Settle')
    await fill(name)
    const meddling = meddler('backup', async () => {
      // Behind and before where the pages are read: all of it while the backup runs.
      await rest.send('DELETE', `/objects/${name}/${tailId(0)}`)
      await rest.send('DELETE', `/objects/${name}/${tailId(OBJECTS - 1)}`)
      await rest.send('PATCH', `/objects/${name}/${tailId(3)}`, {class: name, properties: {title: 'changed'}})
      await rest.write([
        objectText(name, 4, 'replaced'),
        objectText(name, 100_000, 'new'),
        objectText(name, 5, 'twice'),
      ])
      await rest.refer([
        {from: `${name}/${tailId(1)}/self`, to: `${name}/${tailId(7)}`},
        {from: `${name}/${tailId(6)}/self`, to: `${name}/${tailId(6)}`},
      ])
      await rest.write([objectText(name, 5, 'thrice')])
      await rest.send('DELETE', `/objects/${name}/${tailId(8)}`)
      await rest.write([objectText(name, 8, 'deleted and back')])
    })
    const backup = await bench.backups.backupCollection(name, {
      batchSize: 10,
      compress,
      concurrency: 1,
      format,
      // The meddling is over before the second scan is.
      maxRate: {objectsPerSecond: 150},
      onProgress: meddling.onProgress,
      settle: true,
    })
    await meddling.done()
    expect(backup.warnings).toEqual([])
    expect(backup.objectCount).toBe(OBJECTS - 1)
    expect(await bench.verifier.verifyCollection(name, backup.path)).toMatchObject({differences: [], equal: true})
    const verification = await bench.verifier.verifyBackup(backup.path)
    expect(verification).toMatchObject({digest: backup.digest, problems: []})

    const before = await rest.dump(name)
    await bench.connection.deleteCollection(name)
    expect(await bench.restores.restoreCollection(backup.path, {batchSize: 9, verify: true})).toMatchObject({
      rejected: 0,
      restored: OBJECTS - 1,
      verification: {equal: true},
    })
    expect(dumpDifferences(await rest.dump(name), before)).toEqual([])
  },
)

it('settles after what is written while it settles', {timeout: 900_000}, async () => {
  const {rest} = bench
  const name = bench.name('SettleAgain')
  await fill(name)
  let round = 0
  let writing: Promise<unknown> | undefined
  const backup = await bench.backups.backupCollection(name, {
    onProgress({stage}) {
      if (stage === 'seal') expect(writing).toBeDefined()
      if (stage !== (round === 0 ? 'backup' : 'settle') || round > 3) return
      round++
      writing = rest.write([objectText(name, round, `round ${round}`), objectText(name, 1000 + round, 'new')])
    },
    settle: true,
  })
  await writing
  // What was written after the last scan began may be in it or not; what it holds it held at some moment.
  const comparison = await bench.verifier.verifyCollection(name, backup.path, {limit: Infinity})
  expect(comparison.counts.missing).toBe(0)
  const settled = await bench.backups.backupCollection(name, {settle: true})
  expect(await bench.verifier.verifyCollection(name, settled.path)).toMatchObject({equal: true})
})

it('gives up on a collection that never stands still, and says so', {timeout: 900_000}, async () => {
  const {connection, rest} = bench
  const name = bench.name('Restless')
  await fill(name)
  let writes = 0
  // Before each page of each scan something has changed, however fast the server writes and lists.
  const restless = {
    ...connection,
    async readPage(request: PageRequest) {
      if (request.include === 'ids') await rest.write([objectText(name, 0, `restless ${++writes}`)])
      return connection.readPage(request)
    },
  }
  const backup = await managersOn(restless, bench.directory, bench.keys).backups.backupCollection(name, {settle: true})
  expect(writes).toBeGreaterThanOrEqual(20)
  expect(backup.warnings).toMatchObject([{code: 'not-settled'}])
  expect(backup.objectCount).toBe(OBJECTS)
  expect((await bench.verifier.verifyBackup(backup.path)).problems).toEqual([])
})

it('settles with tenants, those inactive too', {timeout: 900_000}, async () => {
  const {rest} = bench
  const name = bench.name('SettleTenants')
  await rest.send('POST', '/schema', {
    class: name,
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['text'], name: 'title'}],
    vectorizer: 'none',
  })
  await rest.send('POST', `/schema/${name}/tenants`, [{name: 'hot'}, {name: 'cold'}])
  const text = (tenant: string, index: number, title: string): string =>
    JSON.stringify({class: name, id: tailId(index), properties: {title}, tenant})
  await rest.write(
    [...'0123'].flatMap((index) => [text('hot', Number(index), index), text('cold', Number(index), index)]),
  )
  await bench.connection.setTenantStatus(name, [{name: 'cold', status: 'COLD'}])
  const meddling = meddler('backup', async () => {
    await rest.write([text('hot', 1, 'changed'), text('hot', 9, 'new')])
    await rest.send('DELETE', `/objects/${name}/${tailId(2)}?tenant=hot`)
  })
  const backup = await bench.backups.backupCollection(name, {
    maxRate: {objectsPerSecond: 20},
    onProgress: meddling.onProgress,
    settle: true,
  })
  await meddling.done()
  expect(await bench.verifier.verifyCollection(name, backup.path)).toMatchObject({counts: {backup: 8}, equal: true})
  expect((await bench.connection.listTenants(name)).find((tenant) => tenant.name === 'cold')?.status).toBe('COLD')
  const before = await rest.dump(name, ['hot'])
  await bench.connection.deleteCollection(name)
  await bench.restores.restoreCollection(backup.path, {verify: true})
  expect(dumpDifferences(await rest.dump(name, ['hot']), before)).toEqual([])
})
