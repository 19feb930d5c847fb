import type {ObjectSource, SourcePage} from '../../src/flow/source.js'
import type {WeaviateObject} from '../../src/model/object.js'
import type {WeaviateClass} from '../../src/model/schema.js'

/** A source in memory: whatever it is given, in pages of `page` objects. */
export function memorySource(
  schema: WeaviateClass,
  objects: readonly WeaviateObject[],
  {name = 'memory', page = 7}: {name?: string; page?: number} = {},
): ObjectSource {
  const tenants = [...new Set(objects.flatMap(({tenant}) => tenant ?? []))].toSorted()
  return {
    async assertWhole() {},
    fingerprint: `${name} ${objects.length}`,
    head: {
      metadata: {
        backup_id: '00000000-0000-4000-8000-00000000000a',
        collection: schema.class,
        options: {compress: false, format: 'json', include_data: true},
        run_id: '',
        ...(tenants.length > 0 && {tenants: tenants.map((tenant) => ({name: tenant, status: 'HOT' as const}))}),
        timestamp: '2026-01-01T00:00:00.000Z',
        tool_version: '',
        version: '1.1',
        weaviate_version: '',
      },
      schema,
    },
    name,
    objectCount: objects.length,
    async *pages({fromRow = 0} = {}): AsyncGenerator<SourcePage> {
      for (let firstRow = fromRow; firstRow < objects.length; firstRow += page) {
        const some = objects.slice(firstRow, firstRow + page)
        yield {endRow: firstRow + some.length, firstRow, objects: some, rows: some.map((_, index) => firstRow + index)}
      }
    },
    path: `memory:${name}`,
  }
}
