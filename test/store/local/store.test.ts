import {Buffer} from 'node:buffer'
import {execFileSync} from 'node:child_process'
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {DataOpsError} from '../../../src/model/errors.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {codeOf, readAll, storeSuite, writeAll} from '../suite.js'

async function errorOf(work: Promise<unknown>): Promise<DataOpsError> {
  try {
    await work
  } catch (error) {
    if (error instanceof DataOpsError) return error
    throw error
  }

  throw new Error('It did not fail.')
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-store-'))
  return realpath(folder)
}

storeSuite('LocalStore', async () => {
  const folder = await temporaryFolder()
  const directory = path.join(folder, 'deep', 'backups')
  return {
    cleanUp: async () => rm(folder, {recursive: true}),
    reopen: () => new LocalStore(directory),
    store: new LocalStore(directory),
  }
})

describe('LocalStore', () => {
  let folder: string
  let store: LocalStore

  beforeEach(async () => {
    folder = await temporaryFolder()
    store = new LocalStore(path.join(folder, 'backups'))
  })

  afterEach(async () => {
    await rm(folder, {recursive: true})
  })

  it('creates its folder with the first write, not before', async () => {
    await store.list('')
    await store.stat('a')
    await store.remove('a')
    await codeOf(store.openRead('a'))
    await codeOf(store.unfinished.openRead('a'))
    await codeOf(store.unfinished.resume('a', 0))
    expect(await readdir(folder)).toEqual([])
    await store.put('a', new Uint8Array())
    expect(await readdir(folder)).toEqual(['backups'])
  })

  it('refuses a folder without a name', () => {
    expect(() => new LocalStore('')).toThrow(DataOpsError)
    expect(() => new LocalStore('a\0b')).toThrow(DataOpsError)
  })

  it('stays where it was when the working directory changes', async () => {
    const before = process.cwd()
    try {
      process.chdir(folder)
      const relative = new LocalStore('here')
      process.chdir('/')
      await relative.put('a', Buffer.from('x'))
      expect(await readdir(path.join(folder, 'here'))).toEqual(['a'])
      expect(relative.describe('a')).toBe('here/a')
    } finally {
      process.chdir(before)
    }
  })

  it('may itself be reached through a symlink', async () => {
    await mkdir(path.join(folder, 'disk'))
    await symlink(path.join(folder, 'disk'), path.join(folder, 'backups'))
    await writeAll(store, 'a', 'x')
    expect(await readAll(store, 'a')).toBe('x')
    expect(await readdir(path.join(folder, 'disk'))).toEqual(['a'])
  })

  it('follows symlinks inside it, and none that leads out', async () => {
    await writeAll(store, 'a', 'inside')
    await mkdir(path.join(folder, 'outside'))
    const secret = path.join(folder, 'outside', 'secret')
    await writeFile(secret, 'secret')
    const at = (name: string): string => path.join(folder, 'backups', name)
    await symlink('a', at('latest'))
    await symlink(secret, at('file-out'))
    await symlink(path.join(folder, 'outside'), at('folder-out'))
    await symlink('nowhere', at('dangling'))
    await symlink('loop', at('loop'))

    const nothing = new Uint8Array()
    expect(await readAll(store, 'latest')).toBe('inside')
    expect(await store.stat('latest')).toMatchObject({bytes: 6, kind: 'file'})
    expect(await codeOf(store.openRead('file-out'))).toBe('INVALID_INPUT')
    expect(await codeOf(store.openRead('folder-out/secret'))).toBe('INVALID_INPUT')
    expect(await codeOf(store.list('folder-out'))).toBe('INVALID_INPUT')
    expect(await store.put('file-out', nothing, {ifAbsent: true})).toBeUndefined()
    await symlink(secret, at('begun.partial'))
    expect(await codeOf(store.createWriter('begun'))).toBe('STORAGE')
    expect(await codeOf(store.unfinished.resume('begun', 0))).toBe('STORAGE')
    expect(await codeOf(store.unfinished.openRead('begun'))).toBe('INVALID_INPUT')
    await store.unfinished.remove('begun')
    expect(await codeOf(store.createWriter('folder-out/new'))).toBe('INVALID_INPUT')
    expect(await codeOf(store.put('folder-out/secret', nothing))).toBe('INVALID_INPUT')
    expect(await codeOf(store.put('folder-out/new', nothing, {ifAbsent: true}))).toBe('INVALID_INPUT')
    expect(await codeOf(store.put('dangling/new', nothing))).toBe('STORAGE')
    expect(await codeOf(store.remove('folder-out/secret'))).toBe('INVALID_INPUT')
    const writer = await store.createWriter('b')
    expect(await codeOf(writer.complete('folder-out/b'))).toBe('INVALID_INPUT')
    await writer.close()
    await store.unfinished.remove('b')
    expect(await codeOf(store.openRead('dangling'))).toBe('NOT_A_BACKUP')
    expect(await codeOf(store.openRead('loop'))).toBe('STORAGE')
    // Nobody knows what is there: that is not nothing.
    expect(await codeOf(store.stat('loop'))).toBe('STORAGE')
    expect(await codeOf(store.stat('loop/a'))).toBe('STORAGE')
    expect(await store.stat('dangling')).toMatchObject({kind: 'other'})
    const entries = await store.list('')
    const kinds = Object.fromEntries(entries.map(({kind, name}) => [name, kind]))
    expect(kinds).toEqual({
      a: 'file',
      dangling: 'other',
      'file-out': 'other',
      'folder-out': 'other',
      latest: 'file',
      loop: 'other',
    })

    // A file of that name takes the symlink's place; what it led to stays as it is.
    await store.put('file-out', Buffer.from('mine'))
    expect((await lstat(at('file-out'))).isFile()).toBe(true)
    await store.remove('folder-out')
    await store.remove('latest')
    expect(await readFile(secret, 'utf8')).toBe('secret')
    expect(await readAll(store, 'a')).toBe('inside')
  })

  it('removes symlinks in a folder, not what they lead to', async () => {
    await mkdir(path.join(folder, 'outside'))
    await writeFile(path.join(folder, 'outside', 'kept'), '')
    await store.put('d/a', new Uint8Array())
    await symlink(path.join(folder, 'outside'), path.join(folder, 'backups', 'd', 'out'))
    await store.remove('d')
    expect(await readdir(path.join(folder, 'outside'))).toEqual(['kept'])
  })

  it('does not wait for the other end of a named pipe', async () => {
    await store.put('d/a', new Uint8Array())
    for (const name of ['pipe', 'begun.partial']) execFileSync('mkfifo', [path.join(folder, 'backups', name)])
    expect(await codeOf(store.openRead('pipe'))).toBe('STORAGE')
    expect(await codeOf(store.unfinished.resume('begun', 0))).toBe('STORAGE')
    expect(await codeOf(store.unfinished.openRead('begun'))).toBe('STORAGE')
    expect(await store.stat('pipe')).toMatchObject({bytes: 0, kind: 'other'})
  })

  it('keeps the mode of a file that it replaces', async () => {
    await store.put('a', Buffer.from('1'))
    await chmod(path.join(folder, 'backups', 'a'), 0o640)
    await store.put('a', Buffer.from('2'))
    expect((await stat(path.join(folder, 'backups', 'a'))).mode & 0o777).toBe(0o640)
  })

  it('finishes what was killed while it became complete, and never continues a file under two names', async () => {
    const writer = await store.createWriter('x')
    await writer.append([Buffer.from('sealed')])
    await writer.sync()
    await link(path.join(folder, 'backups', 'x.partial'), path.join(folder, 'backups', 'x'))
    const error = await errorOf(store.unfinished.resume('x', 0))
    expect(error.message).toContain('another name')
    expect(await writer.complete()).toBe(true)
    expect(await store.list('')).toMatchObject([{bytes: 6, name: 'x'}])
  })

  it('says BACKUP_DAMAGED when a file shrinks while it is read', async () => {
    await writeAll(store, 'a', 'x'.repeat(3_000_000))
    const reader = await store.openRead('a')
    await truncate(path.join(folder, 'backups', 'a'), 2_000_000)
    expect(await codeOf(reader.read(0, 3_000_000))).toBe('BACKUP_DAMAGED')
    const drain = async (): Promise<void> => {
      for await (const chunk of reader.stream()) expect(chunk.length).toBeGreaterThan(0)
    }

    expect(await codeOf(drain())).toBe('BACKUP_DAMAGED')
    await reader.close()
  })

  // Node tries for ever to make a folder there, and its parents, over and over.
  it.runIf(process.platform === 'linux')('says so where no folder can be made, also in /proc', async () => {
    const error = await errorOf(new LocalStore('/proc/elysia/backups').put('a', Uint8Array.of(1)))
    expect(error).toMatchObject({code: 'STORAGE'})
  })

  it('says what is wrong with a path', async () => {
    await writeFile(path.join(folder, 'file'), '')
    const below = new LocalStore(path.join(folder, 'file'))
    const notFolder = await errorOf(below.put('a', new Uint8Array()))
    expect(notFolder).toMatchObject({code: 'STORAGE'})
    expect(notFolder.message).toMatch(/file.*: (?:part of its path is a file, not a folder|the name is taken)\./)
    expect(await codeOf(below.list(''))).toBe('STORAGE')
    const long = await errorOf(store.put('a'.repeat(300), new Uint8Array()))
    expect(long.message).toContain('too long')
  })
})

const isRoot = process.getuid?.() === 0

describe.skipIf(!isRoot)('LocalStore without permission (needs root, to become somebody else)', () => {
  it('says so, with a hint', async () => {
    const folder = await temporaryFolder()
    await chmod(folder, 0o755)
    try {
      process.seteuid?.(65_534)
      const error = await errorOf(new LocalStore(path.join(folder, 'backups')).put('a', Buffer.from('x')))
      expect(error).toMatchObject({code: 'STORAGE', details: {code: 'EACCES'}})
      expect(error.message).toContain('permission was denied')
      expect(error.hint).toBeTruthy()
    } finally {
      process.seteuid?.(0)
      await rm(folder, {recursive: true})
    }
  })
})

/** Mounting needs root, and a container may forbid it even then. */
function isSmallDiskMounted(target: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', target], {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}

const disk = await temporaryFolder()
const isMounted = isRoot && isSmallDiskMounted(disk)

describe.skipIf(!isMounted)('LocalStore on a disk of 1 MiB (needs root, to mount it)', () => {
  beforeAll(() => {
    expect(isMounted).toBe(true)
  })

  afterEach(() => {
    execFileSync('mount', ['-o', 'remount,rw', disk])
    execFileSync('find', [disk, '-mindepth', '1', '-delete'])
  })

  it('says how much was being written and what is free, and leaves no half of it', async () => {
    const store = new LocalStore(disk)
    const writer = await store.createWriter('a')
    await writer.append([Buffer.alloc(300_000, 1)])
    await writer.sync()
    const large = Buffer.alloc(5_000_000, 2)
    const error = await errorOf(writer.append([large]))
    expect(error).toMatchObject({code: 'STORAGE', details: {code: 'ENOSPC', needed: 5_000_000}})
    expect(error.message).toMatch(/Cannot write 5\.0 MB to .*a\.partial: the disk is full, \d.* are free\./)
    expect(error.details.free).toBeGreaterThan(500_000)
    expect(error.hint).toBeTruthy()
    expect(writer.bytes).toBe(300_000)
    const more = [Buffer.from('more')]
    expect(await errorOf(writer.append(more))).toBe(error)
    expect(await errorOf(writer.sync())).toBe(error)
    expect(await errorOf(writer.complete())).toBe(error)
    await writer.close()
    expect(await store.stat('a')).toBeUndefined()
    expect(await store.unfinished.stat('a')).toMatchObject({bytes: 300_000})

    // What was on the disk can be continued once there is room.
    const again = await store.unfinished.resume('a', 300_000)
    await again.append([Buffer.alloc(100_000, 3)])
    expect(await again.complete()).toBe(true)
    expect(await store.stat('a')).toMatchObject({bytes: 400_000})
  })

  it('says so at the latest when small appends are synced, closed or completed', async () => {
    const store = new LocalStore(disk)
    for (const end of ['sync', 'close', 'complete'] as const) {
      const writer = await store.createWriter(end)
      for (let count = 0; count < 2000; count++) await writer.append([Buffer.alloc(1000)])
      expect(await errorOf(writer[end]())).toMatchObject({code: 'STORAGE', details: {code: 'ENOSPC'}})
      await writer.close().catch(() => undefined)
      expect(await store.stat(end)).toBeUndefined()
      await store.unfinished.remove(end)
    }
  })

  it('keeps the old file, and no temporary one, when the new one does not fit', async () => {
    const store = new LocalStore(disk)
    await store.put('a', Buffer.from('old'))
    const large = Buffer.alloc(2_000_000)
    const error = await errorOf(store.put('a', large))
    expect(error).toMatchObject({code: 'STORAGE', details: {code: 'ENOSPC', needed: 2_000_000}})
    expect(await readAll(store, 'a')).toBe('old')
    expect(await readdir(disk)).toEqual(['a'])
  })

  it('says that a disk is read-only', async () => {
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const error = await errorOf(new LocalStore(disk).put('a', new Uint8Array()))
    expect(error).toMatchObject({code: 'STORAGE', details: {code: 'EROFS'}})
    expect(error.message).toContain('read-only')
  })
})

afterAll(async () => {
  if (isMounted) execFileSync('umount', [disk])
  await rm(disk, {recursive: true})
})
