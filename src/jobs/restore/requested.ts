/** Changes of the schema that a restore is asked for: whether the objects of the backup can follow them. */
import type {RestoreOptions} from './options.js'

import {DataOpsError} from '../../model/errors.js'
import {compareSchemas} from '../../model/schema-compare.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {isAtLeast} from '../../weaviate/capabilities.js'

/** Ends of property names that servers keep for their own indexes since 1.36 (1.33 does not); older collections have them. */
const RESERVED_END = /(?:__meta_count|_nullState|_propertyLength|_rangeable|_searchable|_temp)$/

/**
 * `original` and `wanted`: what would be created without and with the changes.
 * @throws DataOpsError INVALID_INPUT when objects would lose a property, a vector or their tenant.
 */
export function checkRequested(original: WeaviateClass, wanted: WeaviateClass, {skipData}: RestoreOptions): void {
  if (skipData) return
  if (isMultiTenant(original) !== isMultiTenant(wanted)) {
    throw new DataOpsError(
      'INVALID_INPUT',
      isMultiTenant(original)
        ? `The objects of "${original.class}" belong to tenants, and cannot be restored into a collection without.`
        : `The objects of "${original.class}" belong to no tenant, and cannot be restored into a collection with tenants.`,
      {
        details: {path: 'multiTenancyConfig.enabled'},
        hint: 'Leave multi-tenancy as it is, or restore the schema alone with `skipData: true`.',
      },
    )
  }

  const lost = compareSchemas(original, wanted, {ignoreName: true}).filter(
    // Of another type a property is still there: the server says of each value whether it takes it.
    ({path, severity}) => severity === 'blocking' && !path.endsWith('.dataType'),
  )
  if (lost.length === 0) return
  const paths = lost.map(({path}) => path)
  throw new DataOpsError('INVALID_INPUT', `The objects of "${original.class}" would lose ${paths.join(', ')}.`, {
    details: {paths},
    hint: 'Values do not follow what `overrides` drop or rename: leave it in, or restore the schema alone with `skipData: true`.',
  })
}

/** @throws DataOpsError SCHEMA_MISMATCH naming properties that no server creates any more. */
export function checkReservedNames({class: name, properties}: WeaviateClass, version: string): void {
  if (!isAtLeast(version, '1.36.0')) return
  const reserved = (properties ?? []).map((property) => property.name).filter((property) => RESERVED_END.test(property))
  if (reserved.length === 0) return
  throw new DataOpsError(
    'SCHEMA_MISMATCH',
    `"${name}" has properties whose names the server keeps for itself by now: ${reserved.join(', ')}.`,
    {
      details: {properties: reserved},
      hint: 'Restore to a server of the version that the backup was taken from.',
    },
  )
}
