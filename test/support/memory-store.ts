import type {Store, StoreEntry} from '../../src/store/store.js'

import {DataOpsError, type ErrorCode} from '../../src/model/errors.js'

/** A store in memory, as object storage is: keys, tags, conditions, nothing unfinished. `objects`: what its views share. */
export function memoryStore(objects = new Map<string, {bytes: Buffer; modified: number; tag: string}>()): Store {
  const entry = (key: string): StoreEntry | undefined => {
    const found = objects.get(key)
    const name = key.slice(key.lastIndexOf('/') + 1)
    const isFolder = (): boolean => [...objects].some(([each]) => key === '' || each.startsWith(`${key}/`))
    if (!found) return isFolder() ? {bytes: 0, kind: 'directory', modified: 0, name} : undefined
    return {...found, bytes: found.bytes.length, kind: 'file', name}
  }

  const put: Store['put'] = async (key, bytes, condition) => {
    const found = objects.get(checked(key))
    if (condition && ('ifAbsent' in condition ? found : found?.tag !== condition.ifMatch)) return undefined
    objects.set(key, {bytes: Buffer.from(bytes), modified: Date.now(), tag: String(Math.random())})
    return objects.get(key)?.tag
  }

  return {
    async createWriter(key) {
      const written = {bytes: Buffer.alloc(0), key: checked(key)}
      return {
        async append(chunks) {
          written.bytes = Buffer.concat([written.bytes, ...chunks])
        },
        get bytes() {
          return written.bytes.length
        },
        async close() {},
        complete: async (as = key) => (await put(as, written.bytes, {ifAbsent: true})) !== undefined,
        async sync() {},
      }
    },
    describe: (key) => `memory:/${key}`,
    async list(folder) {
      const start = folder === '' ? '' : `${checked(folder)}/`
      const inside = [...objects.keys()].flatMap((key) => (key.startsWith(start) ? key.slice(start.length) : []))
      const names = [...new Set(inside.map((key) => key.replace(/\/.*/, '')))]
      return names.sort().flatMap((name) => entry(`${start}${name}`) ?? [])
    },
    async openRead(key) {
      const {bytes} = objects.get(checked(key)) ?? fail('NOT_A_BACKUP', key)
      const read = async (start: number, end: number): Promise<Uint8Array> =>
        start >= 0 && start <= end && end <= bytes.length ? bytes.subarray(start, end) : fail('BACKUP_DAMAGED', key)
      async function* stream(start = 0, end = bytes.length): AsyncGenerator<Uint8Array> {
        for (let at = start; at < end; at += 2 ** 20) yield read(at, Math.min(end, at + 2 ** 20))
      }

      return {async close() {}, read, size: bytes.length, stream}
    },
    put,
    async remove(key) {
      for (const each of [checked(key), ...objects.keys()]) if (`${each}/`.startsWith(`${key}/`)) objects.delete(each)
    },
    stat: async (key) => entry(key && checked(key)),
  }
}

function checked(key: string): string {
  return /[\0\\:]|^\/|\/$|\/\/|^$|(?:^|\/)\.\.?(?:\/|$)/.test(key) ? fail('INVALID_INPUT', key) : key
}

function fail(code: ErrorCode, key: string): never {
  throw new DataOpsError(code, `${key} is not what was expected.`)
}
