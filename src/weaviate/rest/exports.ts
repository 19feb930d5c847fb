/** The exports that a server makes by itself, over REST. */
import type {ExportBackend, ExportShardState, ExportState, ServerExports} from '../connection.js'
import type {HttpClient} from './http.js'

import {DataOpsError} from '../../model/errors.js'

interface StateReply {
  classes?: null | string[]
  error?: string
  id?: string
  path?: string
  shardStatus?: null | Record<
    string,
    Record<string, {error?: string; objectsExported?: number; skipReason?: string; status?: string}>
  >
  startedAt?: string
  status?: string
}

export function serverExports(http: HttpClient): ServerExports {
  return {
    async cancel(backend, id) {
      await http.send({action: `cancel the export ${id}`, method: 'DELETE', path: pathOf(backend, id)})
    },
    async start(backend, id, collections) {
      try {
        const {value} = await http.json<StateReply>({
          action: `export to ${backend}`,
          body: JSON.stringify({file_format: 'parquet', id, include: collections}),
          method: 'POST',
          path: `/v1/export/${backend}`,
        })
        return stateOf(id, value)
      } catch (error) {
        throw error instanceof DataOpsError ? withAdvice(error, backend) : error
      }
    },
    async state(backend, id, signal) {
      const {value} = await http.json<StateReply>({
        action: `follow the export ${id}`,
        method: 'GET',
        path: pathOf(backend, id),
        signal,
      })
      return stateOf(id, value)
    },
  }
}

function pathOf(backend: ExportBackend, id: string): string {
  return `/v1/export/${backend}/${encodeURIComponent(id)}`
}

function stateOf(id: string, reply: StateReply): ExportState {
  const {classes, error, path = '', shardStatus, startedAt = '', status = 'UNKNOWN'} = reply
  const shards = Object.entries(shardStatus ?? {}).map(([collection, states]): [string, ExportShardState[]] => [
    collection,
    Object.entries(states)
      .map(([name, state]) => ({
        ...(state.error && {error: state.error}),
        name,
        objects: state.objectsExported ?? 0,
        ...(state.skipReason && {skipReason: state.skipReason}),
        status: state.status ?? 'UNKNOWN',
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name))),
  ])
  return {
    classes: classes ?? [],
    ...(error && {error}),
    id: reply.id ?? id,
    path,
    shards: new Map(shards),
    startedAt,
    status,
  }
}

/** What is to be done about it, where the server's words name what is lacking. */
function withAdvice(error: DataOpsError, backend: ExportBackend): DataOpsError {
  const {reason, status} = error.details as {reason?: string; status?: number}
  const words = reason ?? ''
  if (/export API is disabled/i.test(words)) {
    return refused(error, 'The server has its export switched off.', {
      hint: `Set EXPORT_ENABLED=true on every node (and ENABLE_MODULES=backup-${backend}), and start them again; or back up without it.`,
    })
  }

  if (/backend \w+ not available/i.test(words)) {
    return refused(error, `The server cannot export to ${backend}: its module is not there.`, {
      hint: `Add backup-${backend} to ENABLE_MODULES on every node, with what it needs (a bucket, or BACKUP_FILESYSTEM_PATH).`,
    })
  }

  if (/backup path must not be empty/i.test(words)) {
    return refused(error, 'The server does not know into which folder it is to export.', {
      hint: 'Set EXPORT_DEFAULT_PATH on every node to a folder under BACKUP_FILESYSTEM_PATH.',
    })
  }

  if (status === 409) {
    return refused(error, error.message, {hint: 'A server makes one export at a time: wait until the other is over.'})
  }

  return error
}

function refused({details}: DataOpsError, message: string, {hint}: {hint: string}): DataOpsError {
  return new DataOpsError('SERVER_REFUSED', message, {details, hint})
}
