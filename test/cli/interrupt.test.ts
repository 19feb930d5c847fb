import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, type RequestInfo, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, type Filler, filler} from './fill.js'
import {type CliProcess, start, temporaryFolder} from './run-cli.js'

const KEY = 'interrupt-key-81b2'
const OBJECTS = 1000
let server: EmbeddedWeaviate
let weaviate: Filler
let folder: Awaited<ReturnType<typeof temporaryFolder>>
/** Milliseconds that every gRPC call of that name waits. */
let slow: Record<string, number>
let seen: Array<(request: RequestInfo) => void>

beforeEach(async () => {
  slow = {}
  seen = []
  server = await startEmbeddedWeaviate({
    apiKeys: [KEY],
    async onRequest(request) {
      for (const listener of seen) listener(request)
      await sleep(slow[request.method] ?? 0)
    },
  })
  weaviate = filler(server.url, KEY)
  folder = await temporaryFolder()
  await fill(weaviate, 'Book', OBJECTS)
})
afterEach(async () => {
  await server.close()
  await folder.remove()
})

function command(...argv: string[]): CliProcess {
  return start([...argv, '--url', server.url, '--api-key', KEY, '-o', path.join(folder.path, 'my backups')], {
    WEAVIATE_GRPC_URL: server.grpcUrl!,
  })
}

async function calls(method: string, times: number): Promise<void> {
  return new Promise((resolve) => {
    let left = times
    seen.push((request) => {
      if (request.method === method && --left === 0) resolve()
    })
  })
}

// Each test runs several processes, which take their time on a busy machine.
describe.skipIf(process.platform === 'win32')('Ctrl-C', {timeout: 90_000}, () => {
  it('ends a backup with 130 and the command that continues it, without a secret; that command finishes it', async () => {
    slow.Search = 100
    const searching = calls('Search', 6)
    const backup = command('col', 'backup', 'Book', '--batch-size', '50', '--concurrency', '1', '--json')
    await searching
    backup.kill('SIGINT')
    const interrupted = await backup.done
    expect(interrupted, interrupted.stderr).toMatchObject({code: 130})
    const {error} = interrupted.json() as {error: {details: {resumeCommand: string}; hint: string}}
    const {resumeCommand} = error.details
    expect(error).toMatchObject({code: 'INTERRUPTED', exitCode: 130, hint: `To continue: ${resumeCommand}`})
    expect(resumeCommand).toBe(
      `elysia-data-ops col backup --resume Book --batch-size 50 --concurrency 1 --json --url ${server.url} -o '${path.join(folder.path, 'my backups')}'`,
    )
    expect(interrupted.stdout + interrupted.stderr).not.toContain(KEY)

    slow.Search = 0
    const listed = await command('backup', 'list', '--json').done
    expect(listed.json()).toMatchObject({backups: []})
    const resumed = await command('col', 'backup', '--resume', 'Book', '--batch-size', '50', '--json').done
    expect(resumed, resumed.stderr + resumed.stdout).toMatchObject({code: 0})
    expect(resumed.json()).toMatchObject({objectCount: OBJECTS})
    expect(resumed.json().resumed).toBeGreaterThan(0)
  })

  it('ends a restore with 130 by SIGTERM too; the same command continues and sends only what is missing', async () => {
    const backup = await command('col', 'backup', 'Book', '--json').done
    const id = backup.json().id as string
    slow.BatchObjects = 150
    const writing = calls('BatchObjects', 4)
    const argv = ['col', 'restore', id, '--name', 'Copy', '--batch-size', '50', '--concurrency', '1']
    const restore = command(...argv)
    await writing
    restore.kill('SIGTERM')
    const interrupted = await restore.done
    expect(interrupted, interrupted.stderr).toMatchObject({code: 130, stdout: ''})
    expect(interrupted.stderr).toContain(`To continue: elysia-data-ops ${argv.join(' ')} --url`)
    expect(interrupted.stderr).not.toContain(KEY)

    slow.BatchObjects = 0
    const continued = await command(...argv, '--verify', '--json').done
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
    slow.Search = 100
    const searching = calls('Search', 4)
    const backup = command('col', 'backup', 'Book', '--batch-size', '50', '--concurrency', '1', '--json')
    await searching
    backup.kill('SIGHUP')
    backup.kill('SIGHUP')
    const interrupted = await backup.done
    expect(interrupted, interrupted.stderr).toMatchObject({code: 130})
    expect(interrupted.json()).toMatchObject({error: {code: 'INTERRUPTED'}})
    slow.Search = 0
    const resumed = await command('col', 'backup', '--resume', 'Book', '--batch-size', '50', '--json').done
    expect(resumed.json()).toMatchObject({objectCount: OBJECTS})
  })

  it('ends at once when it comes twice', async () => {
    slow.Search = 20_000
    const searching = calls('Search', 1)
    const backup = command('col', 'backup', 'Book')
    await searching
    backup.kill('SIGINT')
    await sleep(300)
    const before = Date.now()
    backup.kill('SIGINT')
    expect(await backup.done).toMatchObject({code: 130})
    expect(Date.now() - before).toBeLessThan(3000)
  })
})
