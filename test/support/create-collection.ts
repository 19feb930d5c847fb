import type {PreparedSchema} from '../../src/model/schema-prepare.js'
import type {Connection} from '../../src/weaviate/connection.js'

/** Creates a prepared collection, both steps. */
export async function createCollectionFrom(
  connection: Pick<Connection, 'createCollection' | 'updateCollection'>,
  prepared: PreparedSchema,
): Promise<void> {
  await connection.createCollection(prepared.create)
  if (prepared.afterCreate) await connection.updateCollection(prepared.afterCreate)
}
