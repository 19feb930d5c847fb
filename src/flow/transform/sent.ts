/** A chain of transforms on its way to another thread, or another machine. */
import type {JsonObject} from '../../model/object.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {WeaviateTenant} from '../../model/tenant.js'

import {DataOpsError} from '../../model/errors.js'
import {sha256Hex} from '../../platform/node.js'
import {transformsAgain} from './again.js'
import {onlyIds} from './choose.js'
import {loadTransform} from './functions.js'
import {type Transform, TransformChain} from './transform.js'

/** JSON. */
export interface SentChain {
  schema: WeaviateClass
  steps: Array<{schema: WeaviateClass; transform: JsonObject}>
  tenants?: WeaviateTenant[]
}

/** Functions of this program change objects. Without pages it changes none. */
export function staysHere(transform: Transform): boolean {
  return transform.page !== undefined && sentOf(transform) === undefined
}

function sentOf({record, sent}: Transform): JsonObject | undefined {
  return sent ?? (transformsAgain([record]).transforms.length === 1 ? record : undefined)
}

/** Undefined where one of them is made of functions of this program, which stay here. */
export function sendChain({schema, steps, tenants}: TransformChain): SentChain | undefined {
  const sent: SentChain['steps'] = []
  for (const {schema: before, transform} of steps) {
    if (staysHere(transform)) return undefined
    const own = sentOf(transform)
    if (own) sent.push({schema: before, transform: own})
  }

  return {schema, steps: sent, ...(tenants && {tenants})}
}

/** Tells a chain from one that would make something else of the same source; undefined where functions of this program decide that. */
export function chainIdentity(chain: TransformChain): string | undefined {
  if (!sendChain(chain)) return undefined
  const tenants = chain.tenants?.map(({name}) => name).sort()
  return sha256Hex(JSON.stringify([chain.records, chain.schema, tenants ?? null]))
}

/** @throws DataOpsError INVALID_INPUT when a module is not there, or not the same any more. */
export async function receiveChain({schema, steps, tenants}: SentChain): Promise<TransformChain> {
  const made = []
  for (const step of steps) made.push({schema: step.schema, transform: await receive(step.transform)})
  return new TransformChain(made, schema, tenants)
}

async function receive(sent: JsonObject): Promise<Transform> {
  if (sent.kind === 'ids' && Array.isArray(sent.ids)) return onlyIds(sent.ids as string[])
  if (sent.kind === 'module' && typeof sent.path === 'string') {
    const transform = await loadTransform(sent.path)
    const {imports, sha256} = transform.record
    if (sha256 === sent.sha256 && imports === sent.imports) return transform
    throw new DataOpsError('INVALID_INPUT', `The transform ${sent.path}, or what it imports, was changed meanwhile.`, {
      hint: 'Run it again.',
    })
  }

  const [transform] = transformsAgain([sent]).transforms
  if (transform) return transform
  throw new DataOpsError('INVALID_INPUT', `A transform of the kind ${JSON.stringify(sent.kind)} is not known here.`, {
    hint: 'Use the same release everywhere.',
  })
}
