/** Vectors of several lengths in one collection, which a real server refuses in words and keeps all the same. Runs with WEAVIATE_BINARY set. */
import {readFile, rm} from 'node:fs/promises'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {
  BackupManager,
  type BackupResult,
  connect,
  type Connection,
  type RestoreResult,
  Verifier,
} from '../../src/index.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {start} from '../cli/run-cli.js'
import {temporaryDirectory} from '../support/collections.js'
import {float32Bytes} from '../support/documents.js'
import {objectId} from '../support/object-id.js'
import {BINARY, type RealServer, startRealServer} from './real-server.js'

const NAME = 'SeveralLengths'
const COPY = 'SeveralLengthsCopy'
const OBJECTS = Array.from({length: 60}, (_, index) => ({
  id: objectId(index + 1),
  properties: {a: `text ${index}`},
  vector: float32Bytes(...Array.from({length: index % 10 === 3 ? 5 : 4}, () => index + 1)),
}))
const ODD = OBJECTS.filter(({vector}) => vector.length === 20).map(({id}) => id)

describe.skipIf(!BINARY)('vectors of several lengths', {timeout: 300_000}, () => {
  let backup: BackupResult
  let server: RealServer
  let connection: Connection
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>

  beforeAll(async () => {
    server = await startRealServer()
    connection = await connect(server)
    directory = await temporaryDirectory()
    await connection.createCollection({class: NAME, properties: [{dataType: ['text'], name: 'a'}], vectorizer: 'none'})
    const collection = planCollection((await connection.getCollection(NAME))!)
    // Written at once, before the index has a length: the server refuses some, and keeps all.
    const refused = await connection.writeObjects({collection, objects: OBJECTS})
    for (const {reason} of refused) expect(reason).toMatch(/vector lengths don't match/)
    expect(await connection.count(NAME)).toBe(OBJECTS.length)
    backup = await new BackupManager(connection, {directory: directory.path}).backupCollection(NAME)
    expect(backup).toMatchObject({complete: true, objectCount: OBJECTS.length})
    const verifier = new Verifier({connection, directory: directory.path})
    expect(await verifier.verifyCollection(NAME, backup.id)).toMatchObject({equal: true})
  }, 120_000)

  afterAll(async () => {
    await connection?.close()
    await server?.remove()
    await directory?.remove()
  })

  it.each(['grpc', 'rest'])(
    'come back as far as the server takes them, over %s: exit code 3, each refused one named',
    async (transport) => {
      const name = `${COPY}${transport}`
      const common = ['--url', server.url, '--grpc-url', server.grpcUrl, '-o', directory.path, '--transport', transport]
      const run = await start(['col', 'restore', backup.id, '--name', name, '--verify', '--json', ...common]).done
      expect(run, run.stderr + run.stdout).toMatchObject({code: 3})
      const {
        rejected,
        rejectedButKept = 0,
        rejectedFile,
        restored,
        verification,
        warnings,
      } = run.json() as unknown as RestoreResult
      expect(restored + rejected).toBe(OBJECTS.length)
      const lines = (await readFile(rejectedFile!, 'utf8')).trimEnd().split('\n')
      const named = lines.map((line) => JSON.parse(line) as {object: {id: string}; reason: string})
      expect(named.map(({object}) => object.id).sort()).toEqual(ODD)
      for (const {reason} of named) expect(reason).toMatch(/length/)
      // What it kept all the same is said, and counted by nobody as missing.
      expect(verification).toMatchObject({counts: {different: 0, extra: 0, missing: rejected - rejectedButKept}})
      expect(await connection.count(name)).toBe(restored + rejectedButKept)
      const kept = warnings.filter(({code}) => code === 'rejected-but-kept').flatMap(({details}) => details?.ids)
      expect(kept).toHaveLength(rejectedButKept)
      await rm(rejectedFile!)
    },
  )
})
