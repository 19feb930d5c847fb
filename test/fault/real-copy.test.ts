/**
 * A copy between two real servers, of different versions where WEAVIATE_SOURCE_BINARY names another program than WEAVIATE_BINARY, killed
 * again and again: equal by digest in the end. COPY_OBJECTS and COPY_KILLS make it smaller.
 */
import {readdir} from 'node:fs/promises'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../bench/data.js'
import {connect, type Connection, CopyManager, Verifier} from '../../src/index.js'
import {type WeaviateObject} from '../../src/model/object.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {start} from '../cli/run-cli.js'
import {temporaryDirectory} from '../support/collections.js'
import {randomFrom, SEED} from './harness.js'
import {BINARY, type RealServer, startRealServer} from './real-server.js'

const NAME = 'FaultCopy'
const OBJECTS = Number(process.env.COPY_OBJECTS ?? 20_000)
const KILLS = Number(process.env.COPY_KILLS ?? 20)
const DIMS = 1536
const TENANTS = ['cold', 'north', 'south', 'west']

let from: RealServer
let to: RealServer
let source: Connection
let target: Connection
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

describe.skipIf(!BINARY)('a copy between two real servers', {timeout: 3_600_000}, () => {
  beforeAll(async () => {
    from = await startRealServer({}, process.env.WEAVIATE_SOURCE_BINARY ?? BINARY!)
    to = await startRealServer()
    source = await connect(from)
    target = await connect(to)
    directory = await temporaryDirectory()
    await fill()
  }, 1_800_000)

  afterAll(async () => {
    await source?.close()
    await target?.close()
    await from?.remove()
    await to?.remove()
    await directory?.remove()
  })

  /** Each object refers to the two before it in its tenant, in an order that matters. */
  async function fill(): Promise<void> {
    const options = {className: NAME, dims: DIMS, objects: OBJECTS}
    const schema = makeClass(options)
    schema.properties!.push({dataType: [NAME], name: 'before'})
    await source.createCollection({...schema, multiTenancyConfig: {enabled: true}})
    await source.createTenants(
      NAME,
      TENANTS.map((name) => ({name, status: 'HOT' as const})),
    )
    const plan = planCollection((await source.getCollection(NAME))!)
    const made = makeObjects(options)
    const objects = made.map((object, index): WeaviateObject => ({
      ...object,
      properties: {
        ...object.properties,
        before: [1, 2].flatMap((step) => {
          const other = made[index - step * TENANTS.length]
          return other ? [{beacon: `weaviate://localhost/${NAME}/${other.id}`}] : []
        }),
      },
      tenant: TENANTS[index % TENANTS.length]!,
    }))
    for (let at = 0; at < objects.length; at += 200) {
      const batch = objects.slice(at, at + 200)
      expect(await source.writeObjects({collection: plan, objects: batch})).toEqual([])
      expect(await source.writeReferences({collection: plan, objects: batch})).toEqual([])
    }

    await source.setTenantStatus(NAME, [{name: 'cold', status: 'COLD'}])
  }

  const states = async (connection: Connection): Promise<string[]> =>
    (await connection.listTenants(NAME)).map(({name, status}) => `${name} ${status}`).toSorted()

  const isBegun = async (): Promise<boolean> =>
    (await readdir(directory.path)).some((name) => name.endsWith('.checkpoint'))

  const difference = async (): ReturnType<Verifier['diffCollections']> =>
    new Verifier({connection: source, directory: directory.path}).diffCollections(NAME, NAME, {other: target})

  it(`of ${OBJECTS} objects killed ${KILLS} times is equal by digest`, async () => {
    const started = performance.now()
    const manager = new CopyManager(source, target, {directory: directory.path})
    await manager.copyCollection(NAME)
    const alone = (performance.now() - started) / 1000
    await target.deleteCollection(NAME)
    const environment = {
      ELYSIACTL_TO_GRPC_URL: to.grpcUrl,
      ELYSIACTL_TO_URL: to.url,
      WEAVIATE_GRPC_URL: from.grpcUrl,
      WEAVIATE_URL: from.url,
    }
    const random = randomFrom(SEED)
    let kills = 0
    let finished = 0
    while (kills < KILLS) {
      const run = start(['col', 'copy', NAME, '-o', directory.path, '--json'], environment)
      const isDone = await Promise.race([
        run.done.then(() => true),
        sleep(500 + random() * 1000 * Math.max(2, alone / 2)).then(() => false),
      ])
      if (isDone) {
        const {code, stderr, stdout} = await run.done
        expect(code, stdout + stderr).toBe(0)
        finished++
        await target.deleteCollection(NAME)
      } else {
        run.kill('SIGKILL')
        await run.done
        kills++
        // Killed when all that it had left to do was to end.
        const isOver = (await target.getCollection(NAME)) && !(await isBegun())
        if (isOver) {
          expect(await difference()).toMatchObject({a: {objects: OBJECTS}, equal: true})
          finished++
          await target.deleteCollection(NAME)
        }
      }
    }

    const copied = await manager.copyCollection(NAME)
    expect(copied.gone).toBeUndefined()
    expect(copied).toMatchObject({complete: true, rejected: 0})
    expect(copied.restored + copied.resumed).toBe(OBJECTS)
    const last = await difference()
    expect(last).toMatchObject({a: {objects: OBJECTS}, counts: {different: 0, extra: 0, missing: 0}, equal: true})
    expect(last.a.digest).toBe(last.b.digest)
    expect(await states(source)).toEqual(['cold COLD', 'north HOT', 'south HOT', 'west HOT'])
    expect(await states(target)).toEqual(await states(source))
    process.stderr.write(
      `${source.version} to ${target.version}: ${OBJECTS} objects of ${DIMS} dimensions in ${alone.toFixed(1)} s alone; ` +
        `${kills} kills, ${finished} finished in between; the last run found ${copied.resumed} objects written; digest ${last.b.digest}\n`,
    )
  })
})
