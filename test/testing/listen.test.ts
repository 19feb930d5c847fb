/** The listeners of the embedded server. */
import {once} from 'node:events'
import {connect, createServer} from 'node:net'
import {expect, test} from 'vitest'

import {listen} from '../../src/testing/listen.js'

test('a connection that could not be taken ends nothing: others are', async () => {
  const server = createServer((socket) => socket.end('here'))
  const {close, port} = await listen(server, 0, () => undefined)
  try {
    server.emit('error', Object.assign(new Error('accept EMFILE'), {code: 'EMFILE'}))
    const [bytes] = (await once(connect(port, '127.0.0.1'), 'data')) as [Buffer]
    expect(bytes.toString()).toBe('here')
  } finally {
    await close()
  }
})

test('a port that is taken is an error', async () => {
  const {close, port} = await listen(createServer(), 0, () => undefined)
  await expect(listen(createServer(), port, () => undefined)).rejects.toMatchObject({code: 'EADDRINUSE'})
  await close()
})
