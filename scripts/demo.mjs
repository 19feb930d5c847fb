/* npm run demo: the main job from end to end on the embedded server, with a public data set, in a temporary folder. */
import {BackupCatalog, BackupManager, ClearManager, connect, RestoreManager} from '@elysia/data-ops'
import {startEmbeddedWeaviate} from '@elysia/data-ops/testing'
import {createHash} from 'node:crypto'
import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import process from 'node:process'
import weaviate from 'weaviate-client'

const DIMENSIONS = 384
const COLLECTION = 'Movie'
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
  await load(movies)
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

async function readMovies() {
  const file = new URL('../node_modules/vega-datasets/data/movies.json', import.meta.url)
  return JSON.parse(await readFile(file, 'utf8'))
}

/** Through the official client, as anybody would. */
async function load(movies) {
  const rest = new URL(server.url)
  const [grpcHost, grpcPort] = server.grpcUrl.replace(/^.*:\/\//, '').split(':', 2)
  const client = await weaviate.connectToCustom({
    grpcHost,
    grpcPort: Number(grpcPort),
    grpcSecure: false,
    httpHost: rest.hostname,
    httpPort: Number(rest.port),
    httpSecure: false,
  })
  await client.collections.createFromSchema({
    class: COLLECTION,
    description: 'Films, from vega-datasets',
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: ['text'], name: 'director'},
      {dataType: ['text'], name: 'distributor', tokenization: 'field'},
      {dataType: ['text[]'], name: 'labels'},
      {dataType: ['date'], name: 'released'},
      {dataType: ['int'], name: 'worldwideGross'},
      {dataType: ['int'], name: 'votes'},
      {dataType: ['number'], name: 'rating'},
      {dataType: ['boolean'], name: 'profitable'},
    ],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
  const objects = movies.map((movie, index) => ({
    id: uuidOf(String(index)),
    properties: propertiesOf(movie),
    vectors: vectorOf(movie),
  }))
  for (let start = 0; start < objects.length; start += 500) {
    const reply = await client.collections.get(COLLECTION).data.insertMany(objects.slice(start, start + 500))
    if (reply.hasErrors) throw new Error(Object.values(reply.errors)[0].message)
  }

  await client.close()
}

function propertiesOf(movie) {
  const released = new Date(`${movie['Release Date']} UTC`)
  const properties = {
    director: movie.Director,
    distributor: movie.Distributor,
    labels: [movie['Major Genre'], movie['Creative Type'], movie['MPAA Rating']].filter((label) => label !== null),
    profitable: movie['Worldwide Gross'] > movie['Production Budget'],
    rating: movie['IMDB Rating'],
    released: Number.isNaN(released.getTime()) ? null : released,
    title: movie.Title === null ? null : String(movie.Title),
    votes: movie['IMDB Votes'],
    worldwideGross: Number.isInteger(movie['Worldwide Gross']) ? movie['Worldwide Gross'] : null,
  }
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== null))
}

/** A unit vector of hashed trigrams: alike titles are near each other, with no model at hand. */
function vectorOf(movie) {
  const text = `${movie.Title} ${movie.Director} ${movie['Major Genre']}`.toLowerCase()
  const vector = Array.from({length: DIMENSIONS}, () => 0)
  for (let index = 0; index + 3 <= text.length; index++) {
    const hash = createHash('sha256')
      .update(text.slice(index, index + 3))
      .digest()
    vector[hash.readUInt16LE(0) % DIMENSIONS] += hash[2] < 128 ? 1 : -1
  }

  const length = Math.hypot(...vector) || 1
  return vector.map((component) => component / length)
}

function uuidOf(text) {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
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
