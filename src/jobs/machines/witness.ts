/** Whether a worker is at the server that a job was created at, where the job's collections do not tell: those with tenants have no identity. */
import type {Connection} from '../../weaviate/connection.js'
import type {JobPlan, Witness} from './plan.js'

import {DataOpsError, insteadOf} from '../../model/errors.js'
import {isMultiTenant} from '../../model/schema.js'

/** More than one: any of them may be dropped meanwhile. */
const WANTED = 3

/** None where each of the job's collections has its own identity, or nothing at the server has one. */
export async function witnessesOf(
  connection: Pick<Connection, 'identify' | 'listCollections'>,
  works: JobPlan['works'],
): Promise<Witness[]> {
  if (!needsWitness(works)) return []
  const found: Witness[] = []
  for (const {identity, schema} of works) if (identity !== undefined) found.push({collection: schema.class, identity})
  const own = new Set(works.map(({schema}) => schema.class))
  const others = await connection.listCollections().catch(insteadOf([], 'NOT_ALLOWED'))
  for (const schema of others) {
    if (found.length >= WANTED) break
    const identity = own.has(schema.class) || isMultiTenant(schema) ? undefined : await connection.identify(schema)
    if (identity !== undefined) found.push({collection: schema.class, identity})
  }

  return found.slice(0, WANTED)
}

/**
 * By one of the witnesses that is the same; where none of them can be seen, by the address.
 * @throws DataOpsError CHECKPOINT (`details.ofWorker`).
 */
export async function checkServer(
  connection: Pick<Connection, 'describe' | 'identify'>,
  {server, witnesses = [], works}: JobPlan,
): Promise<void> {
  if (!needsWitness(works)) return
  let isOther = false
  for (const {collection, identity} of witnesses) {
    const now = await connection.identify({class: collection})
    if (now === identity) return
    isOther ||= now !== undefined
  }

  if (!isOther && connection.describe === server) return
  const collections = works.flatMap(({identity, schema}) => (identity === undefined ? [schema.class] : []))
  throw new DataOpsError(
    'CHECKPOINT',
    `Nothing shows that ${connection.describe} is the server that this job was created at: collections with tenants (${collections.join(', ')}) cannot be told from others of their names.`,
    {
      details: {collections, ofWorker: true, server: connection.describe},
      hint: `Work at the address that it was created at, ${server}; or cancel the job there, and create it at the address that its workers have.`,
    },
  )
}

function needsWitness(works: JobPlan['works']): boolean {
  return works.some(({identity}) => identity === undefined)
}
