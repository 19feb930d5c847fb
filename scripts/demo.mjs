/* npm run demo: the main job from end to end on the embedded server, with a public data set, in a temporary folder. */
import {BackupCatalog, BackupManager, ClearManager, connect, RestoreManager} from '@elysia/data-ops'
import {startEmbeddedWeaviate} from '@elysia/data-ops/testing'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import process from 'node:process'

import {COLLECTION, DIMENSIONS, loadMovies, readMovies} from './movies.mjs'

const FORMATS = [
  {compress: false, format: 'json', label: 'JSON'},
  {compress: true, format: 'json', label: 'JSON, gzipped'},
  {compress: false, format: 'parquet', label: 'Parquet'},
]

const directory = await mkdtemp(path.join(tmpdir(), 'elysia-demo-'))
const server = await startEmbeddedWeaviate()
const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
try {
  const movies = await readMovies()
  await loadMovies(server, movies)
  console.log(
    `Embedded server with ${movies.length} movies of vega-datasets, ${DIMENSIONS}-dimension vectors, in collection "${COLLECTION}".\n`,
  )

  const before = await dump()
  const backups = []
  for (const {compress, format} of FORMATS) {
    backups.push(await new BackupManager(connection, {directory}).backupCollection(COLLECTION, {compress, format}))
  }

  const table = []
  for (const [index, backup] of backups.entries()) {
    const cleared = await new ClearManager(connection, {directory}).clearCollection(COLLECTION)
    const empty = (await dump()).size === 0
    const restored = await new RestoreManager(connection, {directory}).restoreCollection(backup.id, {
      merge: true,
      verify: true,
    })
    const equal = empty && sameObjects(before, await dump()) && restored.verification.equal
    table.push({
      '': FORMATS[index].label,
      objects: backup.objectCount,
      bytes: backup.bytes,
      'backup s': round(backup.seconds),
      'backup/s': Math.round(backup.objectCount / backup.seconds),
      'clear s': round(cleared.seconds),
      'restore s': round(restored.seconds),
      'restore/s': Math.round(restored.restored / restored.seconds),
      equal: equal ? 'equal' : 'NOT EQUAL',
    })
  }

  console.log('Catalog:')
  for (const entry of await new BackupCatalog(directory).list()) {
    console.log(`  ${entry.id.slice(0, 8)}  ${entry.file}  ${entry.object_count} objects  ${entry.size} bytes`)
  }

  console.log('\nBacked up, cleared, restored with --verify, and every object compared with what it was:')
  console.table(Object.fromEntries(table.map(({'': label, ...row}) => [label, row])))
  if (table.some((row) => row.equal !== 'equal')) process.exitCode = 1
} finally {
  await connection.close()
  await server.close()
  await rm(directory, {force: true, recursive: true})
}

/** Every object as REST shows it, without the times that the server sets. */
async function dump() {
  const objects = new Map()
  for (let after = ''; ;) {
    const reply = await fetch(`${server.url}/v1/objects?class=${COLLECTION}&limit=500&include=vector&after=${after}`)
    const page = (await reply.json()).objects
    if (page.length === 0) return objects
    for (const {id, properties, vector} of page)
      objects.set(
        id,
        JSON.stringify({properties: Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)), vector}),
      )
    after = page.at(-1).id
  }
}

function sameObjects(one, other) {
  if (one.size !== other.size) return false
  for (const [id, object] of one) if (other.get(id) !== object) return false
  return true
}

function round(seconds) {
  return Number(seconds.toFixed(2))
}
