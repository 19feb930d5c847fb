/** Collections to break things with. Names start with `Fault`; whoever makes one removes it. */
import type {WeaviateObject} from '../../src/model/object.js'
import type {Connection} from '../../src/weaviate/connection.js'

import {makeClass, makeObjects} from '../../bench/data.js'
import {fillCollection} from '../support/collections.js'
import {randomFrom} from './harness.js'

export interface ReferencesOptions {
  dims?: number
  objects: number
  /** References of an object at most. */
  references: number
}

/** Objects that refer to each other and to themselves, in an order that matters, some to nothing that is there. Returns how many references there are. */
export async function makeReferences(
  connection: Connection,
  className: string,
  options: ReferencesOptions,
): Promise<number> {
  const {dims = 8, objects: count, references} = options
  const schema = makeClass({className, dims, objects: count, properties: 3})
  schema.properties!.push({dataType: [className], name: 'follows'}, {dataType: [className], name: 'cites'})
  const objects = makeObjects({className, dims, objects: count, properties: 3})
  const random = randomFrom(count)
  let total = 0
  const beacons = (most: number): Array<{beacon: string}> => {
    const length = Math.floor(random() * (most + 1))
    total += length
    return Array.from({length}, () => {
      const target =
        random() < 0.02 ? '00000000-0000-4000-8000-000000000001' : objects[Math.floor(random() * count)]!.id
      return {beacon: `weaviate://localhost/${className}/${target}`}
    })
  }

  for (const object of objects) {
    const follows = beacons(references)
    const cites = random() < 0.5 ? beacons(2) : []
    if (follows.length > 0) object.properties.follows = follows
    if (cites.length > 0) object.properties.cites = cites
  }

  await fillCollection(connection, schema, objects)
  return total
}

export const ALIAS_SUFFIX = 'Alias'

/** A collection with tenants, every third of them inactive, and an alias. Returns the tenants as they are. */
export async function makeTenants(
  connection: Connection,
  className: string,
  {objects, tenants}: {objects: number; tenants: number},
): Promise<Array<{name: string; status: string}>> {
  const names = Array.from({length: tenants}, (_, index) => `tenant${index}`)
  const options = {className, dims: 8, objects, properties: 3, tenant: ''}
  await connection.deleteAlias(`${className}${ALIAS_SUFFIX}`)
  await connection.deleteCollection(className)
  await connection.createCollection(makeClass(options))
  await connection.createTenants(
    className,
    names.map((name) => ({name, status: 'HOT' as const})),
  )
  const all: WeaviateObject[] = makeObjects(options)
  for (const [index, object] of all.entries()) object.tenant = names[index % tenants]!
  const {planCollection} = await import('../../src/weaviate/collection-plan.js')
  const plan = planCollection((await connection.getCollection(className))!)
  for (let start = 0; start < all.length; start += 200) {
    const refused = await connection.writeObjects({collection: plan, objects: all.slice(start, start + 200)})
    if (refused.length > 0) throw new Error(refused[0]!.reason)
  }

  await connection.setTenantStatus(
    className,
    names.filter((_, index) => index % 3 === 1).map((name) => ({name, status: 'COLD' as const})),
  )
  await connection.createAlias(`${className}${ALIAS_SUFFIX}`, className)
  return statesOf(connection, className)
}

/** Tenants with their states, in order of their names. */
export async function statesOf(
  connection: Connection,
  className: string,
): Promise<Array<{name: string; status: string}>> {
  const tenants = await connection.listTenants(className)
  return tenants.sort((a, b) => a.name.localeCompare(b.name))
}
