/** A backup that was changed on the way, beside the collection it is from: the same changes are made to what is there. */
import type {ObjectSource} from '../../flow/source.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {CompareOptions} from './options.js'

import {recordKey, transformsAgain} from '../../flow/transform/again.js'
import {asksForTimes} from '../../flow/transform/choose.js'
import {CHOICES, TransformChain} from '../../flow/transform/transform.js'
import {DataOpsError} from '../../model/errors.js'
import {compareSchemas} from '../../model/schema-compare.js'

/**
 * undefined: objects are compared as they are, since nothing was changed, or since what is there was restored from the backup.
 * `isRestored`: whether the objects that are there were restored from it, as far as they tell; absent: it is known that they were not.
 * @throws DataOpsError INVALID_INPUT when the changes cannot be made again.
 */
export async function liveChain(
  {head}: Pick<ObjectSource, 'head'>,
  schema: WeaviateClass,
  {isRestored, transforms: given = []}: Pick<CompareOptions, 'transforms'> & {isRestored?: () => Promise<boolean>},
): Promise<TransformChain | undefined> {
  const records = head.metadata.transforms ?? []
  const made = new Set(records.map((record) => recordKey(record)))
  const stray = given.find(({record}) => !made.has(recordKey(record)))
  if (stray) {
    const {kind, name} = stray.record
    const what = typeof name === 'string' ? name : kind
    throw new DataOpsError('INVALID_INPUT', `The backup was not made with the change that was given, ${what}.`, {
      details: {transform: stray.record},
      hint: 'Leave it out; what a restore has changed is compared by the restore itself, with `verify: true`.',
    })
  }

  if (records.length === 0) return undefined
  const kinds = records.map(({kind}) => (typeof kind === 'string' ? kind : ''))
  const isAlike = isSameSchema(head.schema, schema)
  if (isAlike && isToldBySchema(kinds, given.length > 0)) return undefined
  // What was restored has times of its own, which say nothing of those that were asked for.
  if (isAlike && records.some((record) => asksForTimes(record)) && (await isRestored?.())) return undefined
  const {transforms, unknown} = transformsAgain(records, given)
  const [lacking] = unknown
  if (lacking) {
    throw new DataOpsError(
      'INVALID_INPUT',
      lacking.kind === 'ids'
        ? 'The backup holds the objects of a list of ids, which is needed to compare it with its collection.'
        : `The backup was changed by ${lacking.kind}, which is needed to compare it with its collection.`,
      {
        details: {transform: lacking.record},
        hint: 'Give the same with `transforms`.',
      },
    )
  }

  if (transforms.some(({record: {kind}, tenants}) => tenants !== undefined || kind === 'tenant-from')) {
    throw new DataOpsError(
      'INVALID_INPUT',
      'Tenants were changed on the way into the backup: it is compared with what was restored from it only.',
      {hint: 'Restore it under another name, and compare that.'},
    )
  }

  // What a backup holds was decided when it was made.
  return TransformChain.of(transforms, {schema})
}

/** Whether a collection has the schema that the changes have made. */
function isSameSchema(changed: WeaviateClass, schema: WeaviateClass): boolean {
  return compareSchemas(changed, schema, {ignoreName: true}).every(({severity}) => severity !== 'blocking')
}

/** Whether that says that they were made to it already. */
function isToldBySchema(kinds: readonly string[], isGiven: boolean): boolean {
  // Without another schema nothing tells: functions that are given again are for the original.
  const tells = kinds.some((kind) => !CHOICES.has(kind) && kind !== 'functions' && kind !== 'no-vectors')
  return tells || (kinds.includes('functions') && !isGiven)
}
