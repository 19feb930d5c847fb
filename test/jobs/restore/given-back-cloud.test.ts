/** The memory of what is read from object storage is used again once nobody looks at it, and never before. */
import {afterAll, beforeAll, expect, it, vi} from 'vitest'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupManager, RestoreManager, Verifier} from '../../../src/index.js'
import {ObjectReader} from '../../../src/store/objects/reader.js'
import {openStore} from '../../../src/store/open.js'
import {ReusedMemory} from '../../../src/store/reused-memory.js'
import {makeCollection} from '../../support/collections.js'
import {BUCKET} from '../../support/s3-server.js'
import {type ServerWithS3, startServerWithS3} from '../../support/server-with-s3.js'

const NAME = 'GivenBackCloud'
const TARGET = `${NAME}Copy`
const OBJECTS = 1200

let services: ServerWithS3

beforeAll(async () => {
  services = await startServerWithS3()
  await makeCollection(services.server.connection, NAME, OBJECTS, 1024)
}, 60_000)

afterAll(async () => {
  vi.restoreAllMocks()
  await services.close(NAME, TARGET)
})

/** Memory that is given back, and chunks behind which the next is asked for, are written over at once. */
function scribble(): {given: () => number} {
  let given = 0
  const over = ({buffer}: Uint8Array): void => {
    if (buffer.byteLength < 128 * 1024) return
    given += buffer.byteLength
    new Uint8Array(buffer).fill(0xaa)
  }

  const {giveBack} = ReusedMemory.prototype
  vi.spyOn(ReusedMemory.prototype, 'giveBack').mockImplementation(function (this: ReusedMemory, bytes) {
    over(bytes)
    Reflect.apply(giveBack, this, [bytes])
  })
  const {stream} = ObjectReader.prototype
  vi.spyOn(ObjectReader.prototype, 'stream').mockImplementation(async function* (
    this: ObjectReader,
    start,
    end,
    options,
  ) {
    for await (const chunk of Reflect.apply(stream, this, [start, end, options]) as AsyncIterable<Uint8Array>) {
      if (options?.isPassing === true) {
        const shown = new Uint8Array(chunk)
        yield shown
        shown.fill(0xaa)
        given += shown.length
      } else yield chunk
    }
  })
  return {given: () => given}
}

it.each([
  {format: 'parquet', isEncrypted: false},
  {format: 'json', isEncrypted: false},
  {format: 'parquet', isEncrypted: true},
] as const)(
  'a restore from object storage is whole, though memory is written over as soon as it may be: %o',
  async (kind) => {
    vi.restoreAllMocks()
    const {format, isEncrypted} = kind
    const {identity, recipient} = await newIdentity()
    const at = {
      store: openStore(`s3://${BUCKET}/given-back-${format}-${isEncrypted}`),
      ...(isEncrypted && {encryptTo: [recipient], identities: [identity]}),
    }
    const {given} = scribble()
    const {connection} = services.server
    const backup = await new BackupManager(connection, at).backupCollection(NAME, {format})
    await connection.deleteCollection(TARGET)
    const options = {name: TARGET, workers: 1}
    const {restored} = await new RestoreManager(connection, at).restoreCollection(backup.path, options)
    expect(restored).toBe(OBJECTS)
    const verified = await new Verifier({connection, ...at}).verifyCollection(TARGET, backup.path)
    expect(verified.equal).toBe(true)
    expect(given()).toBeGreaterThan(OBJECTS * 1024 * 4)
  },
  60_000,
)
