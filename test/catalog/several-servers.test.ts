import fc from 'fast-check'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {Workplace} from '../../src/jobs/options.js'
import type {Warning} from '../../src/model/progress.js'

import {CATALOG_FILE} from '../../src/archive/names.js'
import {BackupCatalog} from '../../src/catalog/catalog.js'
import {type Grouping} from '../../src/catalog/grouping.js'
import {locateBackup, locateBackups} from '../../src/catalog/locate.js'
import {chooseForRemoval} from '../../src/catalog/prune.js'
import {replaceCollection} from '../../src/jobs/replace/replace.js'
import {LocalStore} from '../../src/store/local/store.js'
import {type SealedBackup, writeSealedBackup} from '../support/sealed-backup.js'

const PROD = 'http://prod:8080'
const STAGING = 'http://staging:8080'

let folder: string
let catalog: BackupCatalog
let store: LocalStore

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'data-ops-servers-'))
  catalog = new BackupCatalog(folder)
  store = new LocalStore(folder)
})

afterEach(async () => {
  await rm(folder, {recursive: true})
})

/** Of a day of February 2024, of a server; undefined: it does not say. */
async function back(day: number, server?: string, more: Record<string, unknown> = {}): Promise<SealedBackup> {
  const metadata = {...more, ...(server !== undefined && {server})}
  return writeSealedBackup(folder, {collection: 'Article', metadata, startedAt: new Date(Date.UTC(2024, 1, day))})
}

/** Days that are left, and that went. */
async function pruned(groupBy?: Grouping): Promise<{kept: number[]; removed: number[]}> {
  const dry = await catalog.prune({keepLast: 1}, {dryRun: true, groupBy})
  const {kept, removed} = await catalog.prune({keepLast: 1}, {groupBy})
  expect(removed).toEqual(dry.removed)
  const days = (backups: Array<{timestamp: string}>) =>
    backups.map(({timestamp}) => new Date(timestamp).getUTCDate()).toSorted((a, b) => a - b)
  return {kept: days(kept), removed: days(removed)}
}

describe('pruning what several servers keep in one place', () => {
  beforeEach(async () => {
    await back(1)
    await back(2)
    await back(3, PROD)
    await back(4, PROD)
    await back(5, STAGING)
    await back(6, STAGING)
  })

  it('keeps the newest of each server, and of those that do not say theirs', async () => {
    expect(await pruned()).toEqual({kept: [2, 4, 6], removed: [1, 3, 5]})
    expect((await catalog.list()).map(({server}) => server)).toEqual([STAGING, PROD, undefined])
  })

  it('counts all of a name together when told', async () => {
    expect(await pruned('collection')).toEqual({kept: [6], removed: [1, 2, 3, 4, 5]})
  })

  it('goes by what the backups say, where an earlier release has entered them', async () => {
    await catalog.reindex()
    const file = path.join(folder, CATALOG_FILE)
    const entries = JSON.parse(await readFile(file, 'utf8')) as Array<Record<string, unknown>>
    expect(entries.map(({server}) => server)).toEqual([STAGING, STAGING, PROD, PROD, undefined, undefined])
    await writeFile(file, JSON.stringify(entries.map(({server: _, ...entry}) => entry)))
    const {kept} = await catalog.prune({keepLast: 1}, {dryRun: true})
    expect(kept.map(({server}) => server)).toEqual([STAGING, PROD, undefined])
    expect(await pruned()).toEqual({kept: [2, 4, 6], removed: [1, 3, 5]})
  })

  it('lets nothing go on account of a good one of another server', async () => {
    const newest = await back(7, PROD)
    await writeFile(newest.file, (await readFile(newest.file, 'utf8')).replace('"title":"a"', '"title":"b"'))
    const {kept, removed} = await pruned()
    expect({kept, removed}).toEqual({kept: [2, 4, 6, 7], removed: [1, 3, 5]})
  })

  it('refuses another grouping', async () => {
    await expect(catalog.prune({}, {groupBy: 'server' as never})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      hint: 'There are: server,collection; collection.',
    })
    expect(await catalog.list()).toHaveLength(6)
  })
})

it('removes of each server what would go if it had the place to itself, and of each keeps a whole one', async () => {
  const history = fc.array(
    fc.record({
      collection: fc.constantFrom('A', 'B'),
      day: fc.integer({max: 40, min: 1}),
      isWhole: fc.boolean(),
      server: fc.constantFrom(undefined, PROD, STAGING),
    }),
    {maxLength: 14},
  )
  const policy = fc.record({keepDaily: fc.nat(3), keepLast: fc.nat(3), keepMonthly: fc.nat(2), keepWeekly: fc.nat(2)})
  await fc.assert(
    fc.asyncProperty(history, policy, async (backups, rules) => {
      const entries = backups.map((backup, at) => ({
        ...backup,
        file: `${backup.collection}_${at}`,
        timestamp: new Date(Date.UTC(2024, 0, backup.day)).toISOString(),
      }))
      const removedOf = async (some: typeof entries, groupBy?: Grouping): Promise<Set<string>> => {
        const {remove} = await chooseForRemoval(some, rules, {
          groupBy,
          lookAt: async ({collection, file, isWhole, server}) => ({
            collection,
            held: {kind: 'all'},
            id: file,
            isWhole: async () => isWhole,
            server,
            unnamed: [],
          }),
          obstacleTo: async () => undefined,
        })
        return new Set(remove.map(({file}) => file))
      }

      const byServer = await removedOf(entries)
      for (const group of Map.groupBy(entries, ({collection, server}) => `${collection} ${server}`).values()) {
        const alone = await removedOf(group, 'collection')
        expect(group.filter(({file}) => byServer.has(file)).map(({file}) => file)).toEqual(
          group.filter(({file}) => alone.has(file)).map(({file}) => file),
        )
        const whole = group.filter(({isWhole}) => isWhole)
        if (whole.length > 0) expect(whole.some(({file}) => !byServer.has(file))).toBe(true)
      }
    }),
    {numRuns: 200},
  )
})

describe('a name of what several servers keep in one place', () => {
  async function told(reference: string): Promise<{id?: string; warnings: Warning[]}> {
    const warnings: Warning[] = []
    const {listed} = await locateBackup(reference, store, {
      onWarning(warning) {
        warnings.push(warning)
      },
    })
    return {id: listed?.id, warnings}
  }

  it('stands for the newest, and says of which server it is and of which others there are some', async () => {
    const prod = await back(1, PROD)
    const staging = await back(2, STAGING)
    for (const reference of ['Article@latest', 'latest', 'Art*', 'Article@2024-02']) {
      const {id, warnings} = await told(reference)
      expect(id).toBe(staging.id)
      expect(warnings).toMatchObject([
        {code: 'several-servers', details: {id: staging.id, others: [PROD], path: staging.file, server: STAGING}},
      ])
    }

    expect((await told('Article@latest')).warnings[0]?.message).toBe(
      `${staging.file} is taken, of ${STAGING}; there are backups of ${PROD} too. Name the one that is meant: Article@latest@staging or Article@latest@prod or an id.`,
    )
    // Whoever names one is told of no other.
    for (const reference of [prod.id, prod.name, `run:${prod.metadata.run_id}`, 'Article@2024-02-01'])
      expect(await told(reference), reference).toEqual({id: prod.id, warnings: []})
    for (const name of ['prod', 'prod:8080', 'PROD'])
      expect(await told(`Article@latest@${name}`)).toEqual({id: prod.id, warnings: []})
    expect(await told('Article@2024@staging')).toEqual({id: staging.id, warnings: []})
    expect(await told(path.join(folder, 'Article@latest@prod'))).toEqual({id: prod.id, warnings: []})
  })

  it('says nothing where one server is known, or the others have none that could be meant', async () => {
    const old = await back(1)
    await back(2, STAGING, {replaced_by: '0f5f5f5f-0000-4000-8000-000000000001'})
    await back(3, STAGING, {options: {compress: false, format: 'json', include_data: false}})
    const {id, warnings} = await told('Article@latest')
    expect(id).toBe(old.id)
    expect(warnings.map(({code}) => code)).toEqual(['older-taken', 'older-taken'])
    const prod = await back(4, PROD)
    expect(await told('Article@latest')).toEqual({id: prod.id, warnings: []})
  })

  it('says that one does not say its server where others do', async () => {
    await back(1, PROD)
    const newest = await back(2)
    const {id, warnings} = await told('Article@latest')
    expect(id).toBe(newest.id)
    expect(warnings).toMatchObject([{code: 'several-servers', details: {others: [PROD]}}])
  })

  it('goes by what the newest say, where an earlier release has entered them', async () => {
    const prod = await back(1, PROD)
    const staging = await back(2, STAGING)
    await catalog.reindex()
    const file = path.join(folder, CATALOG_FILE)
    const entries = JSON.parse(await readFile(file, 'utf8')) as Array<Record<string, unknown>>
    await writeFile(file, JSON.stringify(entries.map(({server: _, ...entry}) => entry)))
    for (const reference of ['Article@latest', 'latest', 'Art*', 'Article@2024-02'])
      expect((await told(reference)).warnings).toMatchObject([{code: 'several-servers', details: {id: staging.id}}])
    expect(await told('Article@latest@prod')).toEqual({id: prod.id, warnings: []})
  })

  it('is an error where the server has none, or several are called so', async () => {
    await back(1, 'http://gateway/a')
    await back(2, 'http://gateway/b')
    await back(3)
    await expect(told('Article@latest@staging')).rejects.toMatchObject({
      code: 'NOT_A_BACKUP',
      hint: expect.stringMatching(
        /^There are some of http:\/\/gateway\/b, http:\/\/gateway\/a\. .*`BackupCatalog\.reindex`/,
      ) as string,
    })
    await expect(told('Article@latest@gateway')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: '2 servers are called "gateway": http://gateway/b, http://gateway/a.',
    })
    await expect(told('Article@latest@')).rejects.toMatchObject({code: 'NOT_A_BACKUP'})
  })

  it('of several collections is told for each, and not for what is left out', async () => {
    await back(1, PROD)
    await back(2, STAGING)
    await writeSealedBackup(folder, {collection: 'Book', metadata: {server: PROD}, startedAt: new Date('2024-02-01')})
    const {ofOneServer, places} = await locateBackups('*', store)
    expect(places).toHaveLength(2)
    expect(ofOneServer.map(({warning}) => warning.details?.server)).toEqual([STAGING])
  })

  it('replaces nothing', async () => {
    await back(1, PROD)
    const {file} = await back(2, STAGING)
    // It ends before any server is asked.
    const at: unknown = {store}
    await expect(replaceCollection(at as Workplace, 'Article@latest', {})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      hint: 'Name the one that is meant: Article@latest@staging or Article@latest@prod or an id.',
      message: `Nothing is replaced: ${file} is of ${STAGING}, and there are backups of ${PROD} too.`,
    })
  })
})

it('of an entry without its server a backup is looked at once for its newest', async () => {
  await back(1, PROD)
  const {name} = await back(2, STAGING)
  await catalog.reindex()
  const file = path.join(folder, CATALOG_FILE)
  const entries = JSON.parse(await readFile(file, 'utf8')) as Array<Record<string, unknown>>
  const opened: string[] = []
  class Counting extends LocalStore {
    override async openRead(...args: Parameters<LocalStore['openRead']>): ReturnType<LocalStore['openRead']> {
      opened.push(args[0])
      return super.openRead(...args)
    }
  }

  const looksAt = async (): Promise<number> => {
    opened.length = 0
    expect(await locateBackup('Article@latest@staging', new Counting(folder))).toMatchObject({name})
    return opened.filter((key) => key === name).length
  }

  const once = await looksAt()
  await writeFile(file, JSON.stringify(entries.map(({server: _, ...entry}) => entry)))
  expect(once).toBeGreaterThan(0)
  expect(await looksAt()).toBe(once)
})
