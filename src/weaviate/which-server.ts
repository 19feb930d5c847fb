/** Which of two servers an error is about: the same connection, whose errors say it. */
import type {Warning} from '../model/progress.js'
import type {Connection, ReplicaSide, RestSide} from './connection.js'

import {DataOpsError} from '../model/errors.js'
import {belowOf, overlay} from '../model/overlay.js'

/** What a job of two servers calls them: a copy reads the source, a comparison the first. */
export type ServerName = 'first' | 'second' | 'source' | 'target'

const WORDS: Readonly<Record<ServerName, string>> = {
  first: 'First server',
  second: 'Second server',
  source: 'Source',
  target: 'Target',
}

type Call = (...args: never[]) => Promise<unknown>
type CallsOf<T> = {[K in keyof T]-?: T[K] extends Call ? K : never}[keyof T]

/** All that asks the server something. A record, so that none is forgotten. */
const CALLS: Readonly<Record<Exclude<CallsOf<Connection>, 'close'>, true>> = {
  count: true,
  createAlias: true,
  createCollection: true,
  createTenants: true,
  deleteAlias: true,
  deleteCollection: true,
  deleteObjects: true,
  getCollection: true,
  getObjects: true,
  identify: true,
  listAliases: true,
  listCollections: true,
  listTenants: true,
  readPage: true,
  setTenantStatus: true,
  updateAlias: true,
  updateCollection: true,
  writeObjects: true,
  writeReferences: true,
}

const NAMES = new WeakMap<Connection, ServerName>()

/** The same connection; what fails says that it is about the server of that name. */
export function called(connection: Connection, name: ServerName): Connection {
  const {replicas, restSide} = connection
  const over = overlay(connection, {
    ...saying(connection, Object.keys(CALLS) as Array<keyof typeof CALLS>, {connection, name}),
    ...(replicas && {replicas: replicasCalled(replicas, name)}),
    ...(restSide && {restSide: restSideCalled(restSide, {connection, name})}),
  })
  NAMES.set(over, name)
  return over
}

/** An error about the server of a connection; the same one where there is no other server. */
export function ofThisServer(error: unknown, connection: Connection): unknown {
  const name = serverNameOf(connection)
  return name ? ofServer(error, name, connection.describe) : error
}

/** The same of a warning about it. */
export function warningOfThisServer(warning: Warning, connection: Connection): Warning {
  const name = serverNameOf(connection)
  return name ? {...warning, message: `${WORDS[name]}: ${warning.message}`} : warning
}

function serverNameOf(connection: Connection): ServerName | undefined {
  const below = belowOf(connection)
  return NAMES.get(connection) ?? (below && serverNameOf(below))
}

/** An error that says which of two servers it is about: once, by `details.which` too. `address`: without credentials; undefined: the error has it. */
export function ofServer(error: unknown, name: ServerName, address?: string): unknown {
  if (!(error instanceof DataOpsError) || error.code === 'INTERRUPTED' || error.details.which !== undefined)
    return error
  const at = address === undefined || error.message.includes(address) ? '' : ` (${address})`
  return error.with({details: {which: name}, message: `${WORDS[name]}${at}: ${error.message}`})
}

interface Said {
  connection: Connection
  name: ServerName
}

function saying<T extends object>(of: T, calls: ReadonlyArray<keyof T>, {connection, name}: Said): Partial<T> {
  const own: Partial<Record<keyof T, Call>> = {}
  for (const each of calls) {
    if (of[each] === undefined) continue
    own[each] = async (...args) => {
      try {
        return await (of[each] as Call)(...args)
      } catch (error) {
        throw ofServer(error, name, connection.describe)
      }
    }
  }

  return own as Partial<T>
}

function restSideCalled(side: RestSide, said: Said): RestSide {
  return overlay(side, saying(side, ['deleteObject', 'findObject', 'listObjects'], said))
}

function replicasCalled(side: ReplicaSide, name: ServerName): ReplicaSide {
  const main = called(side.main, name)
  const asks = saying(side, ['nodes', 'readable', 'versions'], {connection: side.main, name})
  const members = side.members.map((member) => (member === side.main ? main : called(member, name)))
  return overlay(side, {...asks, main, members})
}
