import type {WeaviateClass} from '../../model/schema.js'

/** Targets before what refers to them; collections that refer to each other in a circle keep the order they were given in. */
export function orderByReferences<Entry>(
  entries: readonly Entry[],
  schemaOf: (entry: Entry) => WeaviateClass,
): Entry[] {
  const byName = new Map(entries.map((entry) => [schemaOf(entry).class, entry]))
  const ordered = new Set<Entry>()
  const visiting = new Set<Entry>()
  const visit = (entry: Entry): void => {
    if (ordered.has(entry) || visiting.has(entry)) return
    visiting.add(entry)
    for (const property of schemaOf(entry).properties ?? []) {
      for (const target of property.dataType) {
        const other = byName.get(target)
        if (other) visit(other)
      }
    }

    ordered.add(entry)
  }

  for (const entry of entries) visit(entry)
  return [...ordered]
}
