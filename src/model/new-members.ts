/** What a collection got while it was being read: what is read of it lacks that. */
import type {WeaviateClass} from './schema.js'

/** Properties, nested ones too, and vectors that a schema has and an earlier one has not, in words. */
export function newMembersOf(before: WeaviateClass, now: WeaviateClass): string[] {
  const vectors = new Set(Object.keys(before.vectorConfig ?? {}))
  return [
    ...newProperties(before.properties, now.properties).map((name) => `the property ${name}`),
    ...Object.keys(now.vectorConfig ?? {}).flatMap((name) => (vectors.has(name) ? [] : [`the vector ${name}`])),
  ]
}

type Properties = WeaviateClass['properties']

function newProperties(before: Properties, now: Properties): string[] {
  const known = new Map((before ?? []).map((property) => [property.name, property]))
  return (now ?? []).flatMap(({name, nestedProperties}) => {
    const earlier = known.get(name)
    if (!earlier) return [name]
    return newProperties(earlier.nestedProperties, nestedProperties).map((nested) => `${name}.${nested}`)
  })
}
