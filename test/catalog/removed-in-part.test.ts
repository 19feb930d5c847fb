/** A removal that is cut off, or fails, at whichever call to the place: the same command finishes it, and says what is so. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {removedName} from '../../src/archive/names.js'
import {leftoversIn} from '../../src/catalog/leftovers.js'
import {BackupCatalog, DataOpsError, LocalStore} from '../../src/index.js'
import {temporaryDirectory} from '../support/collections.js'
import {type Death, dyingStore} from '../support/dying-store.js'
import {memoryStore} from '../support/memory-store.js'
import {writeSealedBackup} from '../support/sealed-backup.js'

type Objects = Map<string, {bytes: Buffer; modified: number; tag: string}>

/** Three backups of each kind, in memory. */
const places = new Map<string, {ids: string[]; names: string[]; objects: Objects}>()
const KINDS = {
  document: {},
  folder: {format: 'parquet', parts: 2},
} as const

beforeAll(async () => {
  for (const [kind, options] of Object.entries(KINDS)) {
    const directory = await temporaryDirectory()
    const local = new LocalStore(directory.path)
    const objects: Objects = new Map()
    const store = memoryStore(objects)
    const ids: string[] = []
    const names: string[] = []
    for (let day = 1; day <= 3; day++) {
      const startedAt = new Date(Date.UTC(2024, 1, day))
      const {id, name} = await writeSealedBackup(directory.path, {...options, startedAt})
      ids.push(id)
      names.push(name)
    }

    for (const {kind: what, name} of await local.list('')) {
      const keys = what === 'file' ? [name] : (await local.list(name)).map((file) => `${name}/${file.name}`)
      for (const key of keys) {
        const reader = await local.openRead(key)
        await store.put(key, await reader.read(0, reader.size))
        await reader.close()
      }
    }

    await new BackupCatalog(store).reindex()
    places.set(kind, {ids, names, objects})
    await directory.remove()
  }
})

afterAll(() => {
  places.clear()
})

function insteadOfThrowing(error: unknown): DataOpsError {
  if (error instanceof DataOpsError) return error
  throw error
}

/** Runs a job that something happens to at each of its calls in turn, with the place as it is after that. */
async function atEachCall(
  kind: string,
  death: Death,
  run: (store: Store) => Promise<unknown>,
  look: (store: Store, failure: DataOpsError | undefined, at: number) => Promise<void>,
): Promise<void> {
  for (let at = 1; ; at++) {
    const store = memoryStore(new Map(places.get(kind)!.objects))
    const dying = dyingStore(store, death, at)
    const failure = await run(dying.store)
      .then(() => undefined)
      .catch(insteadOfThrowing)
    await look(store, failure, at)
    if (dying.calls.length < at) return
  }
}

const fileStatuses = async (store: Store): Promise<Record<string, string>> =>
  Object.fromEntries((await new BackupCatalog(store).list()).map(({file, status}) => [file, status]))

describe.each(Object.keys(KINDS))('of a %s', (kind) => {
  it.each(['dies', 'fails', 'lost', 'denied'] as const)('that %s is finished by the same command', async (death) => {
    const {ids, names} = places.get(kind)!
    const [id = '', , newest = ''] = ids
    const [name = '', ...rest] = names
    let inPart = 0
    await atEachCall(
      kind,
      death,
      async (store) => new BackupCatalog(store, {lockWaitMs: 1}).remove(id),
      async (store, failure, at) => {
        const listed = await fileStatuses(store)
        const isListed = Object.hasOwn(listed, name)
        const where = `${death} at call ${at}: ${String(failure)}`
        // Whole or not at all; and what was said to be removed is.
        for (const status of Object.values(listed)) expect(status, where).toMatch(/^(?:sealed|unlisted)$/)
        if (!failure) expect(isListed, where).toBe(false)
        const left = await store.stat(name)
        const isMarked = (await store.stat(removedName(name))) !== undefined
        if (!isListed && left) {
          inPart++
          if (death !== 'dies') {
            expect(failure, where).toMatchObject({details: {removedInPart: true}})
            expect(failure?.hint, where).toContain('`BackupCatalog.remove`')
          }

          expect(await leftoversIn(store), where).toMatchObject([
            {
              hint: expect.stringContaining('`BackupCatalog.remove`') as string,
              kind: 'removal',
              name: removedName(name),
            },
          ])
        }

        const again = new BackupCatalog(store).remove(id)
        if (isListed || (left ?? isMarked)) expect(await again, where).toMatchObject({file: name, id})
        else await expect(again, where).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
        const files = (await store.list('')).map((entry) => entry.name)
        expect(
          files.filter((file) => file.startsWith(name)),
          where,
        ).toEqual([])
        expect(Object.keys(await fileStatuses(store)), where).toEqual(rest.toReversed())
        expect((await new BackupCatalog(store).find(newest))?.status, where).toBe('sealed')
      },
    )
    if (kind === 'folder') expect(inPart).toBeGreaterThan(1)
  })

  it.each(['dies', 'fails'] as const)(
    'of a prune that %s: the next one does the rest, and it is said what went before',
    async (death) => {
      const {names} = places.get(kind)!
      await atEachCall(
        kind,
        death,
        async (store) => new BackupCatalog(store, {lockWaitMs: 1}).prune({keepLast: 1}),
        async (store, failure, at) => {
          const where = `${death} at call ${at}: ${String(failure)}`
          const {removed} = (failure?.details ?? {}) as {removed?: string[]}
          for (const file of removed ?? []) expect(await store.stat(file), where).toBeUndefined()
          await new BackupCatalog(store).prune({keepLast: 1})
          expect(
            (await store.list('')).map(({name}) => name),
            where,
          ).toEqual(['.backup_catalog.json', names[2]])
        },
      )
    },
  )
})

it('what was copied in part is not taken for one that was being removed', async () => {
  const {names, objects} = places.get('folder')!
  const [name = ''] = names
  const marked = memoryStore(new Map(objects))
  await marked.remove(`${name}/metadata.json`)
  await marked.put('.backup_catalog.json', Buffer.from('[]'))
  await marked.put(removedName(name), new Uint8Array())
  await expect(new BackupCatalog(marked).remove(name)).rejects.toMatchObject({
    code: 'NOT_A_BACKUP',
    hint: expect.stringContaining('`BackupCatalog.reindex`') as string,
  })
  expect(await marked.list(name)).not.toEqual([])
})

it('is asked about once, by what the catalog says of it', async () => {
  const {ids, objects} = places.get('folder')!
  const store = memoryStore(new Map(objects))
  const asked: string[] = []
  const refusal = new DataOpsError('NOT_CONFIRMED', 'No.')
  const confirm = ({id}: {id: string}): never => {
    asked.push(id)
    throw refusal
  }

  await expect(new BackupCatalog(store).remove(ids[0]!, {confirm})).rejects.toBe(refusal)
  expect(asked).toEqual([ids[0]])
  expect(Object.values(await fileStatuses(store))).toEqual(['sealed', 'sealed', 'sealed'])
})
