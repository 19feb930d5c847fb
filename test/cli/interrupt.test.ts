import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import {Interrupt} from '../../src/cli/interrupt.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {Gates, type Held} from '../support/gates.js'
import {fill, type Filler, filler, objectId} from './fill.js'
import {type CliProcess, type CliRun, start, temporaryFolder} from './run-cli.js'

const KEY = 'interrupt-key-81b2'
const OBJECTS = 1000
let server: EmbeddedWeaviate
let weaviate: Filler
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let gates: Gates

beforeEach(async () => {
  gates = new Gates()
  server = await startEmbeddedWeaviate({apiKeys: [KEY], onRequest: gates.onRequest})
  weaviate = filler(server.url, KEY)
  folder = await temporaryFolder()
  await fill(weaviate, 'Book', OBJECTS)
})
afterEach(async () => {
  gates.release()
  await server.close()
  await folder.remove()
})

/** Interrupts it while a call waits, which is answered once it knows. */
async function interrupt(run: CliProcess, {reached, release}: Held, signal: NodeJS.Signals): Promise<CliRun> {
  await reached
  run.kill(signal)
  await run.said(`Stopping (${signal})`)
  release()
  return run.done
}

function command(...argv: string[]): CliProcess {
  return start([...argv, '--url', server.url, '--api-key', KEY, '-o', path.join(folder.path, 'my backups')], {
    WEAVIATE_GRPC_URL: server.grpcUrl!,
  })
}

// Each test runs several processes, which take their time on a busy machine.
describe.skipIf(process.platform === 'win32')('Ctrl-C', {timeout: 180_000}, () => {
  it('ends a backup with 130 and the command that continues it, without a secret; that command finishes it', async () => {
    const searching = gates.hold('Search', 6)
    // By an alias, which need not be that collection's when it is continued.
    await weaviate.request('POST', 'aliases', {alias: 'Shelf', class: 'Book'})
    const backup = command('col', 'backup', 'Shelf', '--batch-size', '50', '--concurrency', '1', '--json')
    const interrupted = await interrupt(backup, searching, 'SIGINT')
    expect(interrupted, interrupted.stderr).toMatchObject({code: 130})
    const {error} = interrupted.json() as {error: {details: {resumeCommand: string}; hint: string}}
    const {resumeCommand} = error.details
    expect(error).toMatchObject({code: 'INTERRUPTED', exitCode: 130, hint: `To continue: ${resumeCommand}`})
    expect(resumeCommand).toBe(
      `elysia-data-ops col backup --resume Book --batch-size 50 --concurrency 1 --json --url ${server.url} -o '${path.join(folder.path, 'my backups')}'`,
    )
    expect(interrupted.stdout + interrupted.stderr).not.toContain(KEY)

    const listed = await command('backup', 'list', '--json').done
    expect(listed.json()).toMatchObject({backups: []})
    const resumed = await command('col', 'backup', '--resume', 'Book', '--batch-size', '50', '--json').done
    expect(resumed, resumed.stderr + resumed.stdout).toMatchObject({code: 0})
    expect(resumed.json()).toMatchObject({objectCount: OBJECTS})
    expect(resumed.json().resumed).toBeGreaterThan(0)
  })

  it('ends a restore with 130 by SIGTERM too; the command that it says continues it, of that very backup, and sends only what is missing', async () => {
    const backup = await command('col', 'backup', 'Book', '--json').done
    const file = backup.json().path as string
    const writing = gates.hold('BatchObjects', 4)
    const more = ['--name', 'Copy', '--batch-size', '50', '--concurrency', '1']
    const interrupted = await interrupt(command('col', 'restore', 'Book@latest', ...more), writing, 'SIGTERM')
    expect(interrupted, interrupted.stderr).toMatchObject({code: 130, stdout: ''})
    expect(interrupted.stderr).toContain(`To continue: elysia-data-ops col restore '${file}' ${more.join(' ')} --url`)
    expect(interrupted.stderr).not.toContain(KEY)

    // The newest is another one by now.
    await command('col', 'backup', 'Book', '--json').done
    const continued = await command('col', 'restore', file, ...more, '--verify', '--json').done
    expect(continued, continued.stderr + continued.stdout).toMatchObject({code: 0})
    const {restored, resumed, verification} = continued.json() as {
      restored: number
      resumed: number
      verification: object
    }
    expect(restored + resumed).toBe(OBJECTS)
    expect(resumed).toBeGreaterThan(0)
    expect(verification).toMatchObject({equal: true})
  })

  it('cleans up when the terminal is closed (SIGHUP), as often as that is said', async () => {
    const searching = gates.hold('Search', 4)
    const backup = command('col', 'backup', 'Book', '--batch-size', '50', '--concurrency', '1', '--json')
    await searching.reached
    backup.kill('SIGHUP')
    await backup.said('Stopping (SIGHUP)')
    backup.kill('SIGHUP')
    searching.release()
    const interrupted = await backup.done
    expect(interrupted, interrupted.stderr).toMatchObject({code: 130})
    expect(interrupted.json()).toMatchObject({error: {code: 'INTERRUPTED'}})
    const resumed = await command('col', 'backup', '--resume', 'Book', '--batch-size', '50', '--json').done
    expect(resumed.json()).toMatchObject({objectCount: OBJECTS})
  })

  it('ends at once when it comes twice, whatever it still waits for', async () => {
    await weaviate.request('POST', 'schema', {class: 'Rooms', multiTenancyConfig: {enabled: true}, vectorizer: 'none'})
    await weaviate.request('POST', 'schema/Rooms/tenants', [{name: 'a'}])
    const objects = [{class: 'Rooms', id: objectId(1), properties: {title: 'one'}, tenant: 'a'}]
    await weaviate.request('POST', 'batch/objects', {objects})
    await weaviate.request('PUT', 'schema/Rooms/tenants', [{activityStatus: 'COLD', name: 'a'}])
    // The first one only asks whether gRPC knows the collection.
    const searching = gates.hold('Search', 1)
    const backup = command('col', 'backup', 'Rooms')
    await searching.reached
    // The tenant that it has woken is to be put back before it ends.
    const puttingBack = gates.hold('PUT /v1/schema/Rooms/tenants', 0)
    backup.kill('SIGINT')
    await puttingBack.reached
    backup.kill('SIGINT')
    expect(await backup.done).toMatchObject({code: 130})
  })

  it('is listened to until the command is gone, once it came: a second one never kills it by name', () => {
    const before = process.listenerCount('SIGTERM')
    new Interrupt(() => {}).dispose()
    expect(process.listenerCount('SIGTERM')).toBe(before)
    const own = process.listeners('SIGTERM')
    const interrupted = new Interrupt(() => {})
    const listener = process.listeners('SIGTERM').find((each) => !own.includes(each))
    listener!('SIGTERM')
    interrupted.dispose()
    expect(interrupted.signal.aborted).toBe(true)
    expect(process.listeners('SIGTERM')).toContain(listener)
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.off(signal, listener!)
  })
})
