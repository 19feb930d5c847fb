import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import {readSettingsFile} from '../../src/config/settings-file.js'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'settings-'))
  file = path.join(folder, 'settings.yaml')
})
afterEach(async () => rm(folder, {recursive: true}))

async function read(text: string, mode = 0o600) {
  await writeFile(file, text)
  await chmod(file, mode)
  return readSettingsFile(file)
}

describe('settings file', () => {
  it('gives what it holds, the base address before the endpoint', async () => {
    const settings = await read(`
services:
  weaviate_base_url: http://base:8080
weaviate:
  endpoint: http://endpoint:8080
  grpc_endpoint: base:50051
  api_key: file-secret
  batch_size: 250
  timeout: 5
  transport: rest
  headers: {X-Key: header-secret}
  ca_file: ca.pem
clear:
  protected: [Gold*]
other: [1, 2]
`)
    expect(settings?.values).toEqual({
      apiKey: 'file-secret',
      batchSize: 250,
      caFile: path.join(folder, 'ca.pem'),
      grpcUrl: 'base:50051',
      headers: {'X-Key': 'header-secret'},
      oidc: undefined,
      protectedNames: ['Gold*'],
      timeoutMs: 5000,
      transport: 'rest',
      url: 'http://base:8080',
    })
    expect((await read('weaviate: {endpoint: "http://endpoint:1"}'))?.values.url).toBe('http://endpoint:1')
  })

  it('may be empty, and may be missing unless it was named', async () => {
    expect(await read('')).toMatchObject({values: {}, warnings: []})
    await expect(readSettingsFile(path.join(folder, 'none.yaml'))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(/none\.yaml cannot be read \(ENOENT\)\.$/) as string,
    })
  })

  it.skipIf(process.platform === 'win32')('warns when others can read a secret in it, and only then', async () => {
    const secret = 'weaviate: {api_key: file-secret}'
    const {warnings} = (await read(secret, 0o644))!
    expect(warnings).toMatchObject([{code: 'settings-readable'}])
    expect(JSON.stringify(warnings)).not.toContain('file-secret')
    expect((await read(secret, 0o600))!.warnings).toEqual([])
    expect((await read('weaviate: {endpoint: "http://x:1"}', 0o644))!.warnings).toEqual([])
  })

  it('is refused with its name, and without its secrets, when it cannot be understood', async () => {
    const wrong: Array<[string, RegExp]> = [
      ['weaviate: {api_key: "sekret-text', /is not YAML \(line 1\)/],
      ['weaviate: [sekret-text]', /weaviate\.\S+ must be inside a map/],
      ['weaviate: {api_key: [sekret-text]}', /weaviate\.api_key must be text/],
      ['weaviate: {batch_size: many}', /weaviate\.batch_size must be a number/],
      ['weaviate: {headers: {X-Key: 5}}', /weaviate\.headers must be a map of names to texts/],
      ['clear: {protected: A}', /clear\.protected must be a list of texts/],
    ]
    for (const [text, message] of wrong) {
      const error: unknown = await read(text).catch((error_: unknown) => error_)
      expect(error).toMatchObject({code: 'INVALID_INPUT', message: expect.stringMatching(message) as string})
      expect((error as Error).message).not.toContain('sekret')
      expect((error as Error).message).toContain(file)
    }
  })
})
