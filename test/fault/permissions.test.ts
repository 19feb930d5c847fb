/** The roles of docs/permissions.md, tried on a real server with RBAC: each is enough, and without any one of its permissions the job says which is missing. */
import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {
  BackupManager,
  type BackupResult,
  ClearManager,
  connect,
  type Connection,
  RestoreManager,
  type RestoreOptions,
  Verifier,
} from '../../src/index.js'
import {makeCollection, temporaryDirectory} from '../support/collections.js'
import {root} from '../support/root.js'
import {BINARY, type RealServer, startRealServer} from './real-server.js'
import {ALIAS_SUFFIX, makeReferences, makeTenants} from './samples.js'

const REFERENCES = 'FaultRoleRefs'
const TENANTS = 'FaultRoleTenants'
const COPY = 'FaultRoleCopy'
const CLEARED = 'FaultRoleClear'

let server: RealServer
let admin: Connection
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let references: BackupResult
let tenants: BackupResult

interface Job {
  /** Heading of its role in docs/permissions.md. */
  heading: string
  reset?: () => Promise<void>
  run: (connection: Connection, folder: string) => Promise<void>
}

const impatient = {maxRetries: 0}

async function backUp(connection: Connection, folder: string, name: string, objects: number): Promise<void> {
  const backup = await new BackupManager(connection, {directory: folder}).backupCollection(name, {
    ...impatient,
    resume: false,
  })
  expect(backup.objectCount).toBe(objects)
  const {metadata} = JSON.parse(await readFile(backup.path, 'utf8')) as {
    metadata: {aliases: string[]; tenants?: unknown[]}
  }
  if (name === TENANTS) expect(metadata).toMatchObject({aliases: [`${TENANTS}${ALIAS_SUFFIX}`], tenants: {length: 6}})
}

async function restore(
  connection: Connection,
  folder: string,
  backup: BackupResult,
  options: RestoreOptions = {},
): Promise<void> {
  const restored = await new RestoreManager(connection).restoreCollection(backup.path, {
    ...impatient,
    checkpointDirectory: folder,
    name: COPY,
    restart: true,
    ...options,
  })
  expect(restored).toMatchObject({rejected: 0, restored: backup.objectCount})
}

const JOBS: Job[] = [
  {heading: 'Backup', run: async (connection, folder) => backUp(connection, folder, REFERENCES, 50)},
  {
    heading: 'Backup of a collection with tenants',
    run: async (connection, folder) => backUp(connection, folder, TENANTS, 60),
  },
  {
    heading: 'Restore',
    reset: async () => admin.deleteCollection(COPY),
    run: async (connection, folder) => restore(connection, folder, references, {verify: true}),
  },
  {
    heading: 'Restore of a collection with tenants, and of aliases',
    async reset() {
      await admin.deleteAlias(`${TENANTS}${ALIAS_SUFFIX}`)
      await admin.deleteCollection(COPY)
    },
    async run(connection, folder) {
      await restore(connection, folder, tenants)
      expect(await admin.listAliases()).toContainEqual({alias: `${TENANTS}${ALIAS_SUFFIX}`, collection: COPY})
    },
  },
  {
    heading: 'Merge',
    async reset() {
      await admin.deleteCollection(COPY)
      await restore(admin, path.join(directory.path, 'admin'), references)
    },
    run: async (connection, folder) => restore(connection, folder, references, {merge: true}),
  },
  {
    heading: 'Verify',
    async run(connection) {
      expect(await new Verifier({connection}).verifyCollection(REFERENCES, references.path)).toMatchObject({
        equal: true,
      })
    },
  },
  {
    heading: 'Clear',
    reset: async () => makeCollection(admin, CLEARED, 30),
    async run(connection, folder) {
      const cleared = await new ClearManager(connection, {directory: folder}).clearCollection(CLEARED, impatient)
      expect(cleared).toMatchObject({deleted: 30, remaining: 0})
    },
  },
  {
    heading: 'Clear of a collection with tenants',
    async reset() {
      await makeTenants(admin, CLEARED, {objects: 30, tenants: 6})
    },
    async run(connection, folder) {
      const cleared = await new ClearManager(connection, {directory: folder}).clearCollection(CLEARED, impatient)
      expect(cleared).toMatchObject({deleted: 30, remaining: 0})
    },
  },
  {
    heading: 'Clear by dropping',
    async reset() {
      await admin.deleteCollection(CLEARED)
      await makeTenants(admin, CLEARED, {objects: 30, tenants: 6})
    },
    async run(connection, folder) {
      await new ClearManager(connection, {directory: folder}).clearCollection(CLEARED, {
        ...impatient,
        keepSchema: false,
      })
      expect(await admin.listTenants(CLEARED)).toHaveLength(6)
    },
  },
]

/** The permissions under a heading of docs/permissions.md. */
function documented(text: string, heading: string): string[] {
  const [, section = ''] = text.split(`\n### ${heading}\n`, 2)
  return [...(section.split('\n#', 1)[0] ?? '').matchAll(/^- `([a-z]+_[a-z]+)`/gm)].map(([, action]) => action!)
}

function permission(action: string): Record<string, unknown> {
  const all: Record<string, unknown> = {
    aliases: {alias: '*', collection: '*'},
    collections: {collection: '*'},
    data: {collection: '*', object: '*', tenant: '*'},
    tenants: {collection: '*', tenant: '*'},
  }
  const kind = action.split('_', 2)[1]!
  return {action, [kind]: all[kind]}
}

describe.skipIf(!BINARY)('with RBAC, on a real server,', {timeout: 300_000}, () => {
  let text: string

  beforeAll(async () => {
    server = await startRealServer({
      AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'false',
      AUTHENTICATION_APIKEY_ALLOWED_KEYS: 'root-key-1,tool-key-1',
      AUTHENTICATION_APIKEY_ENABLED: 'true',
      AUTHENTICATION_APIKEY_USERS: 'root,tool',
      AUTHORIZATION_RBAC_ENABLED: 'true',
      AUTHORIZATION_RBAC_ROOT_USERS: 'root',
    })
    admin = await connect({apiKey: 'root-key-1', ...server})
    directory = await temporaryDirectory()
    text = await readFile(path.join(root, 'docs', 'permissions.md'), 'utf8')
    await makeReferences(admin, REFERENCES, {objects: 50, references: 3})
    await makeTenants(admin, TENANTS, {objects: 60, tenants: 6})
    const manager = new BackupManager(admin, {directory: path.join(directory.path, 'admin')})
    references = await manager.backupCollection(REFERENCES)
    tenants = await manager.backupCollection(TENANTS)
  }, 120_000)

  afterAll(async () => {
    await admin?.close()
    await server?.remove()
    await directory?.remove()
  })

  async function authz(method: string, requested: string, body?: unknown): Promise<void> {
    const reply = await fetch(`${server.url}/v1/authz${requested}`, {
      body: JSON.stringify(body),
      headers: {authorization: 'Bearer root-key-1', 'content-type': 'application/json'},
      method,
    })
    if (!reply.ok && reply.status !== 404)
      throw new Error(`${method} ${requested}: ${reply.status} ${await reply.text()}`)
  }

  async function grant(actions: readonly string[]): Promise<void> {
    await authz('DELETE', '/roles/dataops')
    await authz('POST', '/roles', {name: 'dataops', permissions: actions.map((action) => permission(action))})
    await authz('POST', '/users/tool/assign', {roles: ['dataops'], userType: 'db'})
  }

  it.each(JOBS)('the role for "$heading" is enough, and no larger than it must be', async ({heading, reset, run}) => {
    const actions = documented(text, heading)
    expect(actions.length).toBeGreaterThan(0)
    const attempt = async (granted: readonly string[], folder: string): Promise<unknown> => {
      await grant(granted)
      await reset?.()
      const connection = await connect({apiKey: 'tool-key-1', ...server})
      try {
        await run(connection, path.join(directory.path, `${heading}-${folder}`))
        return undefined
      } catch (error) {
        return error
      } finally {
        await connection.close()
      }
    }

    expect(await attempt(actions, 'whole')).toBeUndefined()
    for (const action of actions) {
      const error = await attempt(
        actions.filter((each) => each !== action),
        action,
      )
      expect(error, `without ${action}`).toMatchObject({hint: expect.any(String) as string})
      expect((error as Error).message, `without ${action}`).toMatch(
        /these credentials do not have the permission|There is no collection/,
      )
    }
  })
})
