/** Who stops reading before Google has answered is done: nothing fails behind its back. */
import {createServer, type ServerResponse} from 'node:http'
import {type AddressInfo} from 'node:net'
import {expect, it} from 'vitest'

import {connectGcs} from '../../../src/store/gcs/client.js'
import {withEnvironment} from '../support.js'

it('a read that is given up before its answer, or behind it, is no unhandled failure', async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => {
    unhandled.push(error)
  }

  process.on('unhandledRejection', note)
  const asked: Array<(response: ServerResponse) => void> = []
  const server = createServer((_, response) => {
    asked.shift()?.(response)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const restore = withEnvironment({
    STORAGE_EMULATOR_HOST: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  })
  try {
    const client = await connectGcs('bucket')
    const answered = async (): Promise<ServerResponse> =>
      new Promise((resolve) => {
        asked.push(resolve)
      })
    const answer = async (response: ServerResponse): Promise<void> =>
      new Promise((resolve) => {
        response.once('close', resolve)
        response.writeHead(206, {'content-range': 'bytes 0-3/4', 'x-goog-generation': '7'})
        response.end('text')
      })
    const controller = new AbortController()
    const request = answered()
    const read = client.get('key', {end: 4, start: 0}, {signal: controller.signal})
    read.catch(() => undefined)
    const response = await request
    controller.abort()
    await answer(response)
    await expect(read).rejects.toThrow()

    const second = answered()
    const other = new AbortController()
    const whole = client.get('key', {end: 4, start: 0}, {signal: other.signal})
    await answer(await second)
    expect(Buffer.from((await whole)!.bytes).toString()).toBe('text')
    other.abort()
    // What is thrown where nobody catches it is told before the next timer.
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    expect(unhandled).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
    restore()
    server.closeAllConnections()
    server.close()
  }
})
