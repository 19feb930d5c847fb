/** The SDK does not end a request that was given up: its answer may come while later parts are under way. */
import type {File, Storage} from '@google-cloud/storage'

import {expect, it} from 'vitest'

import {beginGcsUpload} from '../../../src/store/gcs/upload.js'

interface Put {
  body?: Buffer
  headers: Record<string, string>
}

type Answer = (error: null, body: undefined, response: {headers: {range?: string}; statusCode: number}) => void

it('an answer that comes too late does not make the parts behind it count as sent', async () => {
  let content = Buffer.alloc(0)
  const held: Array<() => void> = []
  let isHolding = true
  // Bytes that it has already are passed over, as the service does it.
  const request = ({body = Buffer.alloc(0), headers}: Put, answer: Answer): void => {
    const [, from = String(content.length), total] =
      /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers['Content-Range'] ?? '') ?? []
    content = Buffer.concat([content, body.subarray(content.length - Number(from))])
    const range = content.length > 0 ? {range: `bytes=0-${content.length - 1}`} : {}
    const statusCode = total === String(content.length) ? 200 : 308
    const tell = (): void => {
      answer(null, undefined, {headers: range, statusCode})
    }

    if (isHolding) held.push(tell)
    else tell()
  }

  const file = {createResumableUpload: async () => ['https://storage.test/upload']} as unknown as File
  const upload = await beginGcsUpload({request} as unknown as Storage, file, {mark: 'mark'})
  const {signal} = new AbortController()
  const givenUp = new AbortController()
  const late = upload.part(1, Buffer.from('aaaa'), false, {signal: givenUp.signal})
  givenUp.abort()
  isHolding = false
  await upload.part(1, Buffer.from('aaaa'), false, {signal})
  await upload.part(2, Buffer.from('bbbb'), false, {signal})
  for (const tell of held) tell()
  await expect(late).rejects.toThrow()
  await upload.part(3, Buffer.from('cccc'), false, {signal})
  await upload.part(4, Buffer.from('dd'), true, {signal})
  await upload.complete({signal})
  expect(content.toString()).toBe('aaaabbbbccccdd')
})
