/** A collection worth looking at: films of four kinds, in tenants, with vectors that lie in clusters. */
import type {JsonObject, WeaviateObject} from '../../src/model/object.js'
import type {WeaviateClass} from '../../src/model/schema.js'
import type {Connection} from '../../src/weaviate/connection.js'

import {randomNumbers} from '../../src/jobs/inspect/sketch.js'
import {writeAll} from './collections.js'
import {float32Bytes} from './documents.js'
import {objectId} from './object-id.js'

const GENRES = ['drama', 'comedy', 'documentary', 'thriller'] as const
const DIMS = 32
/** What a page must show as text, and nothing else. */
export const HOSTILE = '<img src=x onerror="document.title=1">&amp;'

const schema: WeaviateClass = {
  class: 'Film',
  multiTenancyConfig: {enabled: true},
  properties: [
    {dataType: ['text'], name: 'title'},
    {dataType: ['text'], name: 'genre'},
    {dataType: ['text[]'], name: 'languages'},
    {dataType: ['int'], name: 'minutes'},
    {dataType: ['number'], name: 'rating'},
    {dataType: ['boolean'], name: 'colour'},
    {dataType: ['date'], name: 'released'},
    {dataType: ['geoCoordinates'], name: 'madeIn'},
    {dataType: ['text'], name: 'never'},
  ],
  vectorConfig: {
    plot: {vectorIndexType: 'flat', vectorizer: {none: {}}},
    poster: {vectorIndexType: 'flat', vectorizer: {none: {}}},
  },
}

/** Fills `Film` with that many objects; one title is hostile. */
export async function makeFilms(connection: Connection, count: number): Promise<void> {
  const random = randomNumbers(11)
  // A sum of uniform numbers is near enough to a normal one.
  const spread = (): number => random() + random() + random() - 1.5
  const objects = Array.from({length: count}, (_, index): WeaviateObject => {
    const genre = Math.floor(random() ** 1.5 * GENRES.length)
    const properties: JsonObject = {
      genre: index === 3 ? HOSTILE : (GENRES[genre] ?? 'drama'),
      languages: random() < 0.3 ? ['en', 'fr'] : ['en'],
      minutes: Math.round(100 + genre * 5 + spread() * 30),
      title: index === 5 ? HOSTILE : `A film of ${GENRES[genre]} number ${index}`,
    }
    if (random() < 0.8) properties.rating = Math.round((6 + spread() * 3) * 10) / 10
    if (random() < 0.9) properties.colour = random() < 0.7
    const released = Date.UTC(2024, 0, 1) - Math.floor(random() ** 2 * 70 * 365) * 86_400_000
    properties.released = new Date(released).toISOString()
    if (random() < 0.4)
      properties.madeIn = {latitude: Math.fround(random() * 90), longitude: Math.fround(random() * 90)}
    const plot = Array.from(
      {length: DIMS},
      (_unused, axis) => (axis % GENRES.length === genre ? 0.6 : 0) + spread() * 0.3,
    )
    return {
      id: objectId(index),
      properties,
      tenant: index % 3 === 0 ? 'north' : 'south',
      vectors: new Map([
        ['plot', {bytes: float32Bytes(...plot), kind: 'single'}],
        ...(index % 2 === 0 ? [['poster', {bytes: float32Bytes(spread(), spread()), kind: 'single'}] as const] : []),
      ]),
    }
  })
  await connection.deleteCollection(schema.class)
  await connection.createCollection(schema)
  await connection.createTenants('Film', [
    {name: 'north', status: 'HOT'},
    {name: 'south', status: 'HOT'},
  ])
  await writeAll(connection, schema.class, objects)
}
