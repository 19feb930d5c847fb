import {afterAll, beforeAll, expect, it} from 'vitest'

import type {Connection} from '../../src/weaviate/connection.js'

import {persistent} from '../../src/flow/persistent.js'
import {DataOpsError} from '../../src/model/errors.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {connect, openedAs} from '../../src/weaviate/connect.js'
import {called, ofThisServer} from '../../src/weaviate/which-server.js'
import {ClassConnection} from '../support/class-connection.js'

let server: EmbeddedWeaviate
let connection: Connection

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
})

const failing = (error: Error): Connection => {
  const inner = new ClassConnection(connection)
  inner.listCollections = async () => {
    throw error
  }

  return inner
}

it('names the server, once, in what fails and what is tried again', async () => {
  const away = failing(new DataOpsError('SERVER_UNAVAILABLE', 'Cannot list collections.'))
  const said: string[] = []
  const onWarning = ({message}: {message: string}): void => {
    said.push(message)
  }

  const patient = persistent(called(called(away, 'target'), 'source'), {maxRetries: 1, onWarning, retryMaxWaitMs: 1})
  await expect(patient.listCollections()).rejects.toMatchObject({
    code: 'SERVER_UNAVAILABLE',
    details: {which: 'target'},
    message: `Target (${server.url}): Cannot list collections.`,
    retryable: true,
  })
  expect(said).toEqual([expect.stringContaining(`Target (${server.url}): Cannot list collections. Trying again`)])
  // What is not said by a call of its own: of a thread, of two addresses.
  const alone = new DataOpsError('CANNOT_CONNECT', 'Two servers.')
  expect(ofThisServer(alone, patient)).toMatchObject({details: {which: 'source'}})
  expect(ofThisServer(alone, away)).toBe(alone)
})

it('leaves an interruption as it is, and everything else of the connection too', async () => {
  const stopped = new DataOpsError('INTERRUPTED', 'Stopped.')
  await expect(called(failing(stopped), 'first').listCollections()).rejects.toBe(stopped)
  const first = called(connection, 'first')
  expect(await first.listCollections()).toEqual([])
  expect(first.describe).toBe(connection.describe)
  expect(openedAs(first)).toBe(openedAs(connection))
  expect(first.replicas?.members).toEqual([first.replicas?.main])
  await expect(first.replicas!.main.getCollection('../x')).resolves.toBeUndefined()
})
