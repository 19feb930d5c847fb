/** A place in object storage that is pruned and listed anew while jobs of several machines write into it. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupCatalog, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {withEncryption} from '../../../src/store/encryption.js'
import {openStore} from '../../../src/store/open.js'
import {withEnvironment} from '../../store/support.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {withPartsOf} from '../../support/part-size.js'
import {BUCKET, type S3Server, startS3} from '../../support/s3-server.js'
import {tidied} from '../../support/tidied.js'

const NAME = 'MachinesPrunedS3'
const OBJECTS = 300
const HOURS = 7_200_000
const PART_BYTES = 16_384
const directory = `s3://${BUCKET}/jobs`

let server: TestServer
let s3: S3Server
let restoreEnvironment: () => void
let restorePartSize: () => void
let encrypting: {encryptTo: string[]; identities: string[]}

beforeAll(async () => {
  server = await startTestServer()
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
  const {identity, recipient} = await newIdentity()
  encrypting = {encryptTo: [recipient], identities: [identity]}
  await makeCollection(server.connection, NAME, OBJECTS, 256)
  restorePartSize = withPartsOf(PART_BYTES)
})

afterAll(async () => {
  restorePartSize()
  restoreEnvironment()
  await s3.close()
  await server.connection.deleteCollection(NAME)
  await server.close()
})

beforeEach(() => {
  s3.empty()
})

const placeOf = (isEncrypted: boolean) => withEncryption(openStore(directory), isEncrypted ? encrypting : {})

describe('a job of several machines in object storage', () => {
  it.each([true, false])(
    'is not disturbed by prunes and reindexes at any time (encrypted: %s)',
    async (isEncrypted) => {
      const store = placeOf(isEncrypted)
      const jobs = new JobManager({store})
      const {id} = await jobs.createBackup(server.connection, [NAME], {items: 6})
      expect(await tidied(directory)).toEqual([])

      const tidying: Array<Promise<unknown[]>> = []
      let isTidying = false
      s3.fault = ({key, operation}) => {
        const isOurs = key.includes(`/${NAME}_`)
        const isUpload = ['CompleteMultipartUpload', 'CreateMultipartUpload', 'UploadPart'].includes(operation)
        if (!isOurs || !isUpload) return undefined
        if (!isTidying) {
          isTidying = true
          const ended = (): void => {
            isTidying = false
          }

          tidying.push(tidied(directory).finally(ended))
        }

        // So that there is an upload under way whenever one looks for some.
        return {pauseMs: 100}
      }

      const worked = await Promise.all([1, 2].map(async () => jobs.work(server.connection, id)))
      s3.fault = undefined
      expect(tidying.length).toBeGreaterThan(0)
      expect((await Promise.all(tidying)).flat()).toEqual([])
      expect(worked.map(({end}) => end)).toEqual(['done', 'done'])
      expect(worked.flatMap(({warnings}) => warnings)).toEqual([])
      const [sealed] = worked[0]!.sealed
      expect(await new Verifier({store}).verifyBackup(sealed?.id ?? '')).toMatchObject({
        objectCount: OBJECTS,
        problems: [],
      })
      expect(await tidied(directory)).toEqual([])
      expect(s3.buckets.get(BUCKET)!.uploads.size).toBe(0)
    },
  )

  it('that came while a prune was under way keeps its uploads', async () => {
    // A folder that nobody writes has the prune ask which backups jobs have planned, before this one is.
    const left = `${NAME}_2026-01-01_000000`
    await openStore(directory).put(`${left}/schema.json`, Buffer.from('{}'))
    for (const object of s3.buckets.get(BUCKET)!.objects.values()) object.modified = new Date(Date.now() - HOURS)

    const store = placeOf(false)
    const complete: Array<() => Promise<boolean>> = []
    const pruned = openStore(directory)
    const {uploads} = pruned
    Object.assign(pruned, {
      uploads: {
        async drop(mayGo: (key: string, begun: number) => Promise<boolean>) {
          await new JobManager({store}).createBackup(server.connection, [NAME])
          const folder = (await store.list('')).find(({name}) => name.startsWith(NAME) && name !== left)?.name ?? ''
          const writer = await store.createWriter(`${folder}/objects-00001-1.parquet`)
          await writer.append([new Uint8Array(3 * PART_BYTES)])
          await writer.sync()
          complete.push(async () => writer.complete())
          return uploads?.drop(mayGo)
        },
      },
    })
    await new BackupCatalog(pruned).prune()
    expect(await complete[0]?.()).toBe(true)
  })
})
