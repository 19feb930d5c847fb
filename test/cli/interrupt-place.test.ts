/** Ctrl-C in what changes backups and needs no server. */
import {readdir} from 'node:fs/promises'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import {BUCKET, type S3Request, type S3Server, startS3} from '../support/s3-server.js'
import {writeSealedBackup} from '../support/sealed-backup.js'
import {cli, type CliRun, start, temporaryFolder} from './run-cli.js'

const PLACE = `s3://${BUCKET}/there`
let s3: S3Server
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeEach(async () => {
  s3 = await startS3()
  folder = await temporaryFolder()
  for (const day of [1, 2, 3])
    await writeSealedBackup(folder.path, {format: 'parquet', startedAt: new Date(`2026-02-0${day}T10:30:00Z`)})
  await cli(['backup', 'list', '--reindex', '-o', folder.path])
})
afterEach(async () => {
  await s3.close()
  await folder.remove()
})

/** The first such request takes its time. */
async function slow(isMeant: (request: S3Request) => boolean): Promise<void> {
  const {promise, resolve} = Promise.withResolvers<void>()
  let isFirst = true
  s3.fault = (request) => {
    if (!isFirst || !isMeant(request)) return undefined
    isFirst = false
    resolve()
    return {pauseMs: 1500}
  }

  return promise
}

describe.skipIf(process.platform === 'win32')('Ctrl-C', {timeout: 180_000}, () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('ends a prune with 130 (%s), and leaves no lock', async (signal) => {
    for (const day of [1, 2, 3]) {
      const copied = await cli(['backup', 'copy', `Docs@2026-02-0${day}`, '-o', folder.path, '--to', PLACE], s3.env)
      expect(copied, copied.stderr).toMatchObject({code: 0})
    }

    const reading = slow(({key, operation}) => operation === 'GetObject' && key.includes('.parquet'))
    const prune = start(['backup', 'prune', '--keep-last', '1', '-o', PLACE, '--json'], s3.env)
    await reading
    prune.kill(signal)
    const stopped = await prune.done
    expect(stopped, stopped.stderr).toMatchObject({code: 130})
    expect(stopped.json()).toMatchObject({error: {code: 'INTERRUPTED', exitCode: 130}})
    const keys = [...s3.buckets.get(BUCKET)!.objects.keys()]
    expect(keys.filter((key) => key.includes('.lock'))).toEqual([])
    const listed = await cli(['backup', 'list', '-o', PLACE, '--json'], s3.env)
    expect(listed.json()).toMatchObject({backups: [{status: 'sealed'}, {status: 'sealed'}, {status: 'sealed'}]})
    const again = await cli(['backup', 'prune', '--keep-last', '1', '-o', PLACE, '--json'], s3.env)
    expect(again, again.stderr).toMatchObject({code: 0})
    expect(again.json()).toMatchObject({kept: [{}], removed: [{}, {}]})
  })
})

/** Within this process, and goes on listening: who listened before does so alone again. */
async function interrupted(argv: readonly string[], isMeant: (request: S3Request) => boolean): Promise<CliRun> {
  const before = process.listeners('SIGTERM')
  let isSaid = false
  s3.fault = (request) => {
    if (!isSaid && isMeant(request)) isSaid = process.emit('SIGTERM', 'SIGTERM')
    return undefined
  }

  try {
    return await cli(argv, s3.env)
  } finally {
    s3.fault = undefined
    for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
      for (const listener of process.listeners(name)) if (!before.includes(listener)) process.off(name, listener)
  }
}

describe('the command that continues', () => {
  let newest: string

  beforeEach(async () => {
    newest = path.join(
      folder.path,
      (await readdir(folder.path))
        .filter((name) => name.startsWith('Docs_'))
        .sort()
        .at(-1)!,
    )
  })

  it.each(['latest', 'Docs@latest', 'Docs@2026-02'])('a copy of %s copies what was being copied', async (name) => {
    const argv = ['backup', 'copy', name, '-o', folder.path, '--to', PLACE]
    const run = await interrupted(argv, ({operation}) => /Put|Upload/.test(operation))
    expect(run, run.stderr).toMatchObject({code: 130})
    expect(run.stderr).toContain(`To continue: elysia-data-ops backup copy ${newest} -o ${folder.path} --to ${PLACE}\n`)
  })

  it('a removal names what was being removed', async () => {
    for (const day of [2, 3])
      await cli(['backup', 'copy', `Docs@2026-02-0${day}`, '-o', folder.path, '--to', PLACE], s3.env)
    const argv = ['backup', 'remove', 'Docs@latest', '--force', '-o', PLACE]
    const run = await interrupted(argv, ({key, operation}) => operation === 'PutObject' && key.includes('.lock'))
    expect(run, run.stderr).toMatchObject({code: 130})
    const url = `${PLACE}/${path.basename(newest)}`
    expect(run.stderr).toContain(`To continue: elysia-data-ops backup remove ${url} --force -o ${PLACE}\n`)
    const {code, stdout} = await cli(['backup', 'remove', url, '--force', '-o', PLACE], s3.env)
    expect({code, stdout}).toMatchObject({code: 0, stdout: expect.stringContaining(url) as string})
  })
})

describe('a removal by a name that moves, which was killed', () => {
  it.each([
    {entered: true, name: 'Docs@latest'},
    {entered: false, name: 'latest'},
    {entered: true, name: 'docs@2026'},
  ])('is finished when it is said again, and no other goes ($name, entered: $entered)', async ({entered, name}) => {
    for (const day of [1, 2, 3])
      await cli(['backup', 'copy', `Docs@2026-02-0${day}`, '-o', folder.path, '--to', PLACE], s3.env)
    const {objects} = s3.buckets.get(BUCKET)!
    if (!entered) objects.delete('there/.backup_catalog.json')
    const backups = (): string[] =>
      [...objects.keys()].filter((key) => key.endsWith('/metadata.json')).map((key) => key.split('/', 2)[1]!)
    const [first, second, third = ''] = backups().sort()
    // What a process leaves that is killed once it is no backup any more: nothing is done after that.
    let isGone = false
    s3.fault = ({key, operation}) => {
      if (isGone) return {code: 'AccessDenied', status: 403}
      isGone = key === `there/${third}/metadata.json` && operation === 'DeleteObject'
      return undefined
    }

    const killed = await cli(['backup', 'remove', name, '--force', '-o', PLACE], s3.env)
    expect(killed.code).not.toBe(0)
    expect(isGone).toBe(true)
    s3.fault = undefined
    for (const key of objects.keys()) if (key.includes('.lock')) objects.delete(key)
    expect(backups().sort()).toEqual([first, second])

    const again = await cli(['backup', 'remove', name, '--force', '-o', PLACE, '--json'], s3.env)
    expect(again, again.stderr).toMatchObject({code: 0})
    expect(again.json()).toMatchObject({removed: {path: `${PLACE}/${third}`}})
    expect(again.stderr).toContain(`${PLACE}/${third} has begun and not ended`)
    expect(again.stderr).toContain('nothing else is removed')
    expect([...objects.keys()].filter((key) => key.includes(third))).toEqual([])
    expect(backups().sort()).toEqual([first, second])
    const next = await cli(['backup', 'remove', name, '--force', '-o', PLACE, '--json'], s3.env)
    expect(next.json()).toMatchObject({removed: {path: `${PLACE}/${second}`}})
  })
})
