/**
 * What REST shows of an object, down to what the plan of its collection knows. gRPC is asked for no more; what came into being since the
 * schema was read would stand in a backup or a copy whose schema has no place for it, and the whole object would be refused.
 */
import type {CollectionPlan} from './connection.js'

import {isJsonObject, type JsonObject, type JsonValue, setOwn} from '../model/object.js'
import {grpcPlan, type PlannedProperty} from './collection-plan.js'

/** Without properties, members of objects among them, that came since. */
export function plannedProperties(properties: JsonObject, plan: CollectionPlan): JsonObject {
  const {properties: known, referenceNames} = grpcPlan(plan)
  return membersOf(properties, (name) => {
    if (referenceNames.has(name)) return (value) => value
    return known.has(name) ? (value) => plannedValue(value, known.get(name)?.nested) : undefined
  })
}

type Members = ReadonlyMap<string, PlannedProperty>

function plannedValue(value: JsonValue, nested: Members | undefined): JsonValue {
  if (!nested) return value
  if (Array.isArray(value)) return value.map((item) => plannedValue(item, nested))
  if (!isJsonObject(value)) return value
  return membersOf(value, (name) => {
    const member = nested.get(name)
    return member && ((inner) => plannedValue(inner, member.nested))
  })
}

/** Each by what is found for its name; without those for which that is nothing. */
function membersOf(
  object: JsonObject,
  find: (name: string) => ((value: JsonValue) => JsonValue) | undefined,
): JsonObject {
  const kept: JsonObject = {}
  for (const [name, value] of Object.entries(object)) {
    const planned = find(name)
    if (planned) setOwn(kept, name, planned(value))
  }

  return kept
}
