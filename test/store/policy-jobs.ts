/** What people give credentials for: each job, on a place that its owner has prepared. */
import {lockOf} from '../../src/archive/locked.js'
import {openArchive} from '../../src/catalog/locate.js'
import {newIdentity} from '../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, connect, DataOpsError, RestoreManager, Verifier} from '../../src/index.js'
import {copyBackup} from '../../src/jobs/backup-copy/copy-backup.js'
import {JobManager} from '../../src/jobs/machines/manager.js'
import {withEncryption} from '../../src/store/encryption.js'
import {openStore} from '../../src/store/open.js'
import {makeCollection, startTestServer, temporaryDirectory} from '../support/collections.js'

const NAME = 'PolicyDocs'
const DAY = 86_400_000

export type PolicyKind = 'lock' | 'prune' | 'read' | 'remove' | 'write'

export interface PolicyJob {
  kind: PolicyKind
  name: string
  /** As the owner. Returns the id of a backup. */
  prepare: (place: string) => Promise<string>
  run: (place: string, id: string) => Promise<unknown>
}

export interface PolicyJobs {
  close: () => Promise<void>
  jobs: PolicyJob[]
  /** What must not be there before a job. */
  reset: () => Promise<void>
}

export async function policyJobs(): Promise<PolicyJobs> {
  const folder = await temporaryDirectory()
  const server = await startTestServer()
  await makeCollection(server.connection, NAME, 20)
  const [old, next] = [await newIdentity(), await newIdentity()]
  const take = async (place: string, options = {}, keys = {}): Promise<string> => {
    const backups = new BackupManager(server.connection, {directory: place, ...keys})
    return (await backups.backupCollection(NAME, {format: 'parquet', ...options})).id
  }

  const restored = {name: `${NAME}Back`}
  const nothing = async (): Promise<string> => ''
  const jobs: PolicyJob[] = [
    {
      kind: 'read',
      name: 'list, show, verify and restore (checkpoint elsewhere)',
      prepare: take,
      async run(place, id) {
        const [backup] = await new BackupCatalog(place).list()
        if (backup?.id !== id) throw new Error('it is not listed')
        const shown = await openArchive(id, openStore(place))
        await lockOf(shown.store, shown.archive.name)
        const verified = await new Verifier({directory: place}).verifyBackup(id)
        if (verified.problems.length > 0) throw new Error('it is not whole')
        const elsewhere = {checkpointDirectory: folder.path, ...restored}
        await new RestoreManager(server.connection, {directory: place}).restoreCollection(id, elsewhere)
      },
    },
    {kind: 'write', name: 'back up', prepare: nothing, run: async (place) => take(place)},
    {
      kind: 'write',
      name: 'restore (checkpoint beside the backup)',
      prepare: take,
      run: async (place, id) =>
        new RestoreManager(server.connection, {directory: place}).restoreCollection(id, restored),
    },
    {
      kind: 'write',
      name: 'copy',
      prepare: take,
      run: async (place, id) => copyBackup(id, {directory: place, to: `${place}-copy`}),
    },
    {
      kind: 'write',
      name: 'rekey',
      prepare: async (place) => take(place, {}, {encryptTo: [old.recipient]}),
      async run(place, id) {
        const store = withEncryption(openStore(place), {identities: [old.identity]})
        await new BackupCatalog(store).rekey(id, {encryptTo: [next.recipient]})
        const opened = withEncryption(openStore(place), {identities: [next.identity]})
        if ((await new Verifier({store: opened}).verifyBackup(id)).problems.length > 0)
          throw new Error('it is not whole')
      },
    },
    {
      kind: 'write',
      name: 'job create, and job work',
      prepare: nothing,
      async run(place) {
        const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
        try {
          const manager = new JobManager({directory: place})
          const {id} = await manager.createBackup(connection, [NAME], {format: 'parquet'})
          const {end} = await manager.work(connection, id, {hint: 0})
          if (end !== 'done') throw new DataOpsError('STORAGE', `It ended: ${end}.`)
        } finally {
          await connection.close()
        }
      },
    },
    {
      kind: 'prune',
      name: 'prune',
      async prepare(place) {
        await take(place)
        return take(place)
      },
      async run(place, id) {
        const {kept, reasons, removed} = await new BackupCatalog(place).prune({keepLast: 1})
        if (removed.length === 1 && kept.length === 1 && kept[0]?.id === id) return
        const [reason] = kept.flatMap(({file, id: each}) => (each === id ? [] : (reasons[file] ?? [])))
        if (reason === undefined) throw new Error('it is not removed, and nothing says why')
        throw new DataOpsError('STORAGE', `It is kept: ${reason}.`)
      },
    },
    {kind: 'remove', name: 'remove', prepare: take, run: async (place, id) => new BackupCatalog(place).remove(id)},
    {
      kind: 'lock',
      name: 'back up --lock-for, and extend',
      prepare: nothing,
      async run(place) {
        const id = await take(place, {lockForMs: DAY})
        const {locked_until: until = ''} = await new BackupCatalog(place).extend(id, {
          forMs: 2 * DAY,
          mode: 'compliance',
        })
        if (Date.parse(until) - Date.now() < 1.9 * DAY) throw new Error('it is not locked')
      },
    },
  ]
  return {
    async close() {
      await server.close()
      await folder.remove()
    },
    jobs,
    reset: async () => server.connection.deleteCollection(`${NAME}Back`),
  }
}

/** How it ended, in words. `BROKEN`: by what is no error of ours. */
async function outcomeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run()
    return 'works'
  } catch (error) {
    return error instanceof DataOpsError ? `says: ${error.message}` : `BROKEN: ${String(error)}`
  }
}

interface Trial {
  /** Of what was prepared. */
  id: string
  /** What it can do without. */
  optional: {includes: (action: string) => boolean}
  place: string
  /** What is not allowed. */
  without?: string | undefined
}

/** Says what came of a job that may do all of it, or all but one thing: it works with all, and fails cleanly without what it needs. */
export async function isAsDocumented(job: PolicyJob, {id, optional, place, without}: Trial): Promise<boolean> {
  const outcome = await outcomeOf(async () => job.run(place, id))
  const isWorking = outcome === 'works'
  const isExpected = without === undefined ? isWorking : !isWorking || optional.includes(without)
  const isHolding = isExpected && !outcome.startsWith('BROKEN')
  console.log(`${isHolding ? 'ok ' : 'NOT'} ${job.name}, ${without ? `without ${without}` : 'with all'}: ${outcome}`)
  return isHolding
}
