/** What is asked of Google and Azure where objects are locked, of a server that answers as their documentation says: their emulators know no locks. */
import {createServer} from 'node:http'
import {type AddressInfo} from 'node:net'
import {expect, it} from 'vitest'

import type {ObjectClient} from '../../src/store/objects/client.js'

import {requireLocks} from '../../src/archive/locked.js'
import {connectAzure} from '../../src/store/azure/client.js'
import {connectGcs} from '../../src/store/gcs/client.js'
import {ObjectStore} from '../../src/store/objects/store.js'
import {withEnvironment} from './support.js'

interface Asked {
  body: string
  headers: Record<string, string | string[] | undefined>
  method: string
  url: string
}

interface Answer {
  body?: string
  headers?: Record<string, string>
  status?: number
}

const UNTIL = '2030-01-02T03:04:05.000Z'
const call = {signal: new AbortController().signal}
const locks = {compliance: 'Locked', governance: 'Unlocked'} as const
const MODES = ['compliance', 'governance'] as const

/** Runs `work` beside a server that remembers what it was asked. */
async function beside(
  answer: (asked: Asked) => Answer,
  work: (port: number, asked: Asked[]) => Promise<void>,
): Promise<void> {
  const all: Asked[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const asked = {body, headers: request.headers, method: request.method ?? '', url: request.url ?? ''}
      all.push(asked)
      const {body: text = '', headers = {}, status = 200} = answer(asked)
      response.writeHead(status, headers)
      response.end(text)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  try {
    await work((server.address() as AddressInfo).port, all)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const DAY = 24 * 3_600_000
const withDate = (answer: Answer, ahead: number): Answer => ({
  ...answer,
  headers: {...answer.headers, date: new Date(Date.now() + ahead).toUTCString()},
})
const isApart = {
  code: 'STORAGE',
  details: {reason: 'clock'},
  message: expect.stringMatching(
    / are 14(?:39|40) minutes apart: a lock would end too early, or too late\.$/,
  ) as string,
}

const storeOf = (client: ObjectClient): ObjectStore =>
  new ObjectStore({connect: async () => client, prefix: 'p/', url: 'x://bucket/p'})

it('Google: writes, locks and lists with the retention of objects, and refuses a bucket that has none', async () => {
  let hasRetention = true
  let ahead = 0
  const version = (generation: string, more: object): object => ({
    bucket: 'bucket',
    etag: 'e',
    generation,
    name: 'p/a',
    size: '3',
    updated: UNTIL,
    ...more,
  })
  const answer = ({method, url}: Asked): Answer => {
    const headers = {'content-type': 'application/json'}
    const {pathname} = new URL(url, 'http://x')
    const json = (value: unknown): Answer => ({body: JSON.stringify(value), headers})
    if (pathname.endsWith('/b/bucket'))
      return withDate(json(hasRetention ? {objectRetention: {mode: 'Enabled'}} : {name: 'bucket'}), ahead)
    if (pathname.endsWith('/b/bucket/o') && method === 'GET')
      return json({
        items: [
          version('1', {retention: {mode: 'Locked', retainUntilTime: UNTIL}, timeDeleted: UNTIL}),
          version('2', {retention: {mode: 'Unlocked', retainUntilTime: UNTIL}}),
          version('3', {}),
        ],
        prefixes: ['p/f/'],
      })
    return json(version('7', {}))
  }

  await beside(answer, async (port, asked) => {
    const restore = withEnvironment({STORAGE_EMULATOR_HOST: `http://127.0.0.1:${port}`})
    try {
      const client = await connectGcs('bucket')
      for (const mode of MODES) {
        const lock = {mode, until: Date.parse(UNTIL)}
        const retention = {mode: locks[mode], retainUntilTime: UNTIL}
        await client.put('p/a', Buffer.from('abc'), {condition: {ifAbsent: true}, lock, mark: 'm'}, call)
        const written = asked.at(-1)!
        expect(written.url).toContain('ifGenerationMatch=0')
        expect(written.body).toContain(`"retention":${JSON.stringify(retention)}`)
        await client.locks.lock({key: 'p/a', version: '7'} as never, lock, call)
        const locked = asked.at(-1)!
        expect(locked).toMatchObject({method: 'PATCH', url: expect.stringContaining('generation=7') as string})
        expect(JSON.parse(locked.body)).toMatchObject({retention})
      }

      const {folders, versions} = await client.locks.versions({delimiter: '/', prefix: 'p/'}, call)
      expect(asked.at(-1)!.url).toContain('versions=true')
      expect(folders).toEqual(['p/f/'])
      const until = Date.parse(UNTIL)
      expect(versions.map(({isCurrent, lock, version: each}) => ({isCurrent, lock, version: each}))).toEqual([
        {isCurrent: false, lock: {mode: 'compliance', until}, version: '1'},
        {isCurrent: true, lock: {mode: 'governance', until}, version: '2'},
        {isCurrent: true, lock: undefined, version: '3'},
      ])
      expect(await (await requireLocks(storeOf(client))).areOn()).toBe(true)
      ahead = -DAY
      await expect(requireLocks(storeOf(client))).rejects.toMatchObject(isApart)
      hasRetention = false
      await expect(requireLocks(storeOf(client))).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: {reason: 'no-locks'},
      })
    } finally {
      restore()
    }
  })
})

it('Azure: writes, locks and lists with immutability policies, and refuses a container that has none', async () => {
  let isImmutable = true
  let ahead = 0
  const blob = (version: string, more: string): string =>
    `<Blob><Name>p/a</Name><VersionId>${version}</VersionId>${more.includes('current') ? '<IsCurrentVersion>true</IsCurrentVersion>' : ''}` +
    `<Properties><Last-Modified>Wed, 02 Jan 2030 03:04:05 GMT</Last-Modified><Etag>0x1</Etag><Content-Length>3</Content-Length>` +
    `${more.includes('locked') ? `<ImmutabilityPolicyUntilDate>Wed, 02 Jan 2030 03:04:05 GMT</ImmutabilityPolicyUntilDate><ImmutabilityPolicyMode>locked</ImmutabilityPolicyMode>` : ''}</Properties></Blob>`
  const answer = ({method, url}: Asked): Answer => {
    if (url.includes('comp=list')) {
      const blobs = `<BlobPrefix><Name>p/f/</Name></BlobPrefix>${blob('v1', 'locked')}${blob('v2', 'current')}`
      return {
        body: `<?xml version="1.0"?><EnumerationResults ContainerName="box"><Blobs>${blobs}</Blobs><NextMarker/></EnumerationResults>`,
        headers: {'content-type': 'application/xml'},
      }
    }

    if (url.includes('restype=container'))
      return withDate({headers: isImmutable ? {'x-ms-immutable-storage-with-versioning-enabled': 'true'} : {}}, ahead)
    return {headers: {etag: '"0x1"'}, status: method === 'PUT' && !url.includes('comp=immutability') ? 201 : 200}
  }

  await beside(answer, async (port, asked) => {
    const key = Buffer.from('key').toString('base64')
    const connectionString = `DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=${key};BlobEndpoint=http://127.0.0.1:${port}/acc;`
    const client = await connectAzure({account: 'acc', connectionString, container: 'box'})
    for (const mode of MODES) {
      const lock = {mode, until: Date.parse(UNTIL)}
      const policy = {
        'x-ms-immutability-policy-mode': locks[mode].toLowerCase(),
        'x-ms-immutability-policy-until-date': 'Wed, 02 Jan 2030 03:04:05 GMT',
      }
      const headersOf = ({headers}: Asked): object => ({
        ...headers,
        'x-ms-immutability-policy-mode': String(headers['x-ms-immutability-policy-mode']).toLowerCase(),
      })
      await client.put('p/a', Buffer.from('abc'), {condition: {ifAbsent: true}, lock, mark: 'm'}, call)
      expect(headersOf(asked.at(-1)!)).toMatchObject({'if-none-match': '*', ...policy})
      const upload = await client.begin('p/b', {lock, mark: 'm'}, call)
      await upload.part(1, Buffer.from('abc'), true, call)
      await upload.complete(call)
      expect(asked.at(-1)!.url).toContain('comp=blocklist')
      expect(headersOf(asked.at(-1)!)).toMatchObject({'if-none-match': '*', ...policy})
      await client.locks.lock({key: 'p/a', version: 'v1'} as never, lock, call)
      expect(asked.at(-1)).toMatchObject({
        method: 'PUT',
        url: expect.stringMatching(/comp=immutabilityPolicies/) as string,
      })
      expect(asked.at(-1)!.url).toContain('versionid=v1')
      expect(headersOf(asked.at(-1)!)).toMatchObject(policy)
    }

    const {folders, versions} = await client.locks.versions({delimiter: '/', prefix: 'p/'}, call)
    expect(decodeURIComponent(asked.at(-1)!.url)).toMatch(/include=[^&]*versions/)
    expect(decodeURIComponent(asked.at(-1)!.url)).toMatch(/include=[^&]*immutabilitypolicy/)
    expect(folders).toEqual(['p/f/'])
    expect(versions.map(({isCurrent, lock, version}) => ({isCurrent, lock, version}))).toEqual([
      {isCurrent: false, lock: {mode: 'compliance', until: Date.parse(UNTIL)}, version: 'v1'},
      {isCurrent: true, lock: undefined, version: 'v2'},
    ])
    expect(await (await requireLocks(storeOf(client))).areOn()).toBe(true)
    ahead = DAY
    await expect(requireLocks(storeOf(client))).rejects.toMatchObject(isApart)
    isImmutable = false
    await expect(requireLocks(storeOf(client))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: {reason: 'no-locks'},
    })
  })
})
