import {expect, it} from 'vitest'

import {gcsFailure} from '../../../src/store/gcs/failure.js'
import {firstLine, networkFailure} from '../../../src/store/objects/failure.js'
import {s3Failure} from '../../../src/store/s3/failure.js'

it.each([
  [
    'request to https://host/upload/b/o?uploadType=resumable&upload_id=SECRET failed, reason: x',
    'request to https://host/upload/b/o failed, reason: x',
  ],
  ['GET https://account.blob.core.windows.net/c/k?sv=1&sig=SECRET', 'GET https://account.blob.core.windows.net/c/k'],
  ['connect to http://key:SECRET@host:9000/bucket', 'connect to http://host:9000/bucket'],
  ['http://key:SECRET@host/x?sig=SECRET and http://b@host', 'http://host/x and http://host'],
  [
    'plain words, a question? And an address: me@example.com\nSECRET',
    'plain words, a question? And an address: me@example.com',
  ],
])('says nothing secret of %j', (said, shown) => {
  expect(firstLine(said)).toBe(shown)
})

it('repeats no session or signature of a request that could not be made', () => {
  const message = 'request to https://host/o?upload_id=SECRET failed, reason: connect ECONNREFUSED'
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'ECONNRESET', 'EWHATEVER']) {
    const error = Object.assign(new Error(message), {code})
    expect(JSON.stringify([gcsFailure(error), s3Failure(error)])).not.toContain('SECRET')
  }
})

it.each([
  // Nobody was reached, so nothing was done.
  ['ECONNREFUSED', 'unreachable', false],
  ['ENOTFOUND', 'unreachable', false],
  // Said also of a connection on which the request had gone.
  ['EHOSTUNREACH', 'unreachable', true],
  ['ENETUNREACH', 'unreachable', true],
  ['ECONNRESET', 'busy', true],
  ['HPE_INVALID_CONSTANT', 'busy', true],
  ['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'busy', true],
  ['EADDRNOTAVAIL', 'busy', true],
])('%s is %s, and what was asked may be done: %s', (code, kind, mayBeDone) => {
  expect(networkFailure(Object.assign(new Error('x'), {code}))).toMatchObject({kind, mayBeDone})
})
