/* Films of vega-datasets, with a vector each, in a collection of a Weaviate: what the demo and the recording are made of. */
import {createHash} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import weaviate from 'weaviate-client'

export const COLLECTION = 'Movie'
export const DIMENSIONS = 384

export async function readMovies() {
  const file = new URL('../node_modules/vega-datasets/data/movies.json', import.meta.url)
  return JSON.parse(await readFile(file, 'utf8'))
}

/** Through the official client, as anybody would. */
export async function loadMovies(server, movies) {
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
