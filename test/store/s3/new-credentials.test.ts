/** Credentials of a session that end before their time, from a program that has others by then. */
import {chmod, writeFile} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest'

import {openStore} from '../../../src/store/open.js'
import {readAll} from '../../../src/store/read-all.js'
import {temporaryDirectory} from '../../support/collections.js'
import {BUCKET, type S3Server, startS3} from '../../support/s3-server.js'
import {withEnvironment} from '../support.js'

let s3: S3Server
let folder: Awaited<ReturnType<typeof temporaryDirectory>>
let restoreEnvironment: () => void

beforeAll(async () => {
  s3 = await startS3()
  folder = await temporaryDirectory()
  const program = path.join(folder.path, 'credentials.sh')
  await writeFile(program, `#!/bin/sh\ncat '${folder.path}/credentials.json'\n`)
  await chmod(program, 0o755)
  await writeFile(path.join(folder.path, 'config'), `[default]\ncredential_process = ${program}\n`)
  restoreEnvironment = withEnvironment({...s3.env, AWS_CONFIG_FILE: path.join(folder.path, 'config')})
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) Reflect.deleteProperty(process.env, name)
})

afterAll(async () => {
  restoreEnvironment()
  await s3.close()
  await folder.remove()
})

/** They say that they are good for an hour. */
async function give(token: string): Promise<void> {
  const credentials = {
    AccessKeyId: s3.env.AWS_ACCESS_KEY_ID,
    Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    SecretAccessKey: s3.env.AWS_SECRET_ACCESS_KEY,
    SessionToken: token,
    Version: 1,
  }
  await writeFile(path.join(folder.path, 'credentials.json'), JSON.stringify(credentials))
}

let good: string

beforeEach(async () => {
  s3.empty()
  good = 'first'
  await give(good)
  s3.fault = ({headers}) => (headers['x-amz-security-token'] === good ? undefined : {code: 'ExpiredToken', status: 400})
})

it.each(['list', 'openRead', 'put', 'remove', 'stat', 'write'] as const)('%s goes on with the others', async (call) => {
  const store = openStore(`s3://${BUCKET}/session`)
  await store.put('there', Buffer.from('text'))
  good = 'second'
  await give(good)
  switch (call) {
    case 'list': {
      expect(await store.list('')).toMatchObject([{name: 'there'}])
      break
    }

    case 'openRead': {
      expect(Buffer.from(await readAll(store, 'there')).toString()).toBe('text')
      break
    }

    case 'put': {
      expect(await store.put('new', Buffer.from('text'), {ifAbsent: true})).toBeDefined()
      break
    }

    case 'remove': {
      await store.remove('there')
      break
    }

    case 'stat': {
      expect(await store.stat('there', 'file')).toMatchObject({bytes: 4})
      break
    }

    case 'write': {
      const writer = await store.createWriter('long')
      await writer.append([Buffer.from('text')])
      expect(await writer.complete()).toBe(true)
      break
    }
  }

  const names = (await store.list('')).map(({name}) => name)
  expect(names).toEqual({put: ['new', 'there'], remove: [], write: ['long', 'there']}[call as string] ?? ['there'])
})

it('where there are no others, that is said', async () => {
  const store = openStore(`s3://${BUCKET}/session`)
  await store.put('there', Buffer.from('text'))
  good = 'second'
  await expect(store.list('')).rejects.toMatchObject({code: 'STORAGE', details: {reason: 'no-credentials'}})
})
