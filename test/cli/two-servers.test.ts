import {afterAll, beforeAll, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, filler} from './fill.js'
import {cli, temporaryFolder} from './run-cli.js'

let a: EmbeddedWeaviate
let b: EmbeddedWeaviate
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  a = await startEmbeddedWeaviate()
  b = await startEmbeddedWeaviate()
  await fill(filler(a.url), 'Book', 5)
  await fill(filler(b.url), 'Book', 8)
  folder = await temporaryFolder()
})

afterAll(async () => {
  await a.close()
  await b.close()
  await folder.remove()
})

it('two servers: exit code 6, with both addresses and where each came from', async () => {
  const env = {WEAVIATE_GRPC_URL: b.grpcUrl!}
  for (const job of [
    ['col', 'backup', 'Book'],
    ['col', 'clear', 'Book', '--force'],
  ]) {
    const run = await cli([...job, '--url', a.url, '-o', folder.path, '--json'], env)
    expect(run.code).toBe(6)
    const {error} = run.json() as {error: {code: string; details: unknown; hint: string; message: string}}
    expect(error).toMatchObject({
      code: 'CANNOT_CONNECT',
      details: {addresses: {grpc: b.grpcUrl, rest: a.url}, settings: {grpcUrl: {from: 'WEAVIATE_GRPC_URL'}}},
      exitCode: 6,
    })
    expect(error.message).toBe(
      `REST at ${a.url} and gRPC at ${b.grpcUrl} are two servers: no object of "Book" is known over both.`,
    )
    expect(error.hint).toBe(
      'Give the addresses of one server, with --url and --grpc-url. The address of REST came from --url, that of gRPC from WEAVIATE_GRPC_URL.',
    )
  }

  const whole = await cli(['col', 'backup', 'Book', '--grpc-url', String(b.grpcPort), '-o', folder.path, '--json'], {
    WEAVIATE_URL: b.url,
  })
  expect(whole.code).toBe(0)
  expect(whole.json()).toMatchObject({objectCount: 8})
})
