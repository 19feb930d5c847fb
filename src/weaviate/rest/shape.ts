/** The shape of what a server answers, looked at before it is believed: an error says what was wrong, never a TypeError where it is used. */
import type {SchemaProperty, WeaviateClass} from '../../model/schema.js'

import {DataOpsError} from '../../model/errors.js'
import {isJsonObject} from '../../model/object.js'

export type JsonRecord = Record<string, unknown>

export function wrongAnswer(action: string, reason: string): DataOpsError {
  return new DataOpsError('UNEXPECTED', `Cannot ${action}: what the server answered cannot be right: ${reason}.`, {
    details: {reason},
  })
}

/** A list of objects; absent or null is none. `what`: what it is a list of, in the plural. @throws DataOpsError UNEXPECTED. */
export function recordsOf(value: unknown, action: string, what: string): JsonRecord[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrongAnswer(action, `its ${what} are no list`)
  if (value.every((item) => isJsonObject(item))) return value
  throw wrongAnswer(action, `among its ${what} is one that is no object`)
}

/** An object; absent or null is an empty one. @throws DataOpsError UNEXPECTED. */
export function recordOf(value: unknown, action: string, what: string): JsonRecord {
  if (value === undefined || value === null) return {}
  if (isJsonObject(value)) return value
  throw wrongAnswer(action, `its ${what} is no object`)
}

/** A text that must be there. @throws DataOpsError UNEXPECTED. */
export function textOf(value: unknown, action: string, what: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw wrongAnswer(action, `a ${what} is no text`)
}

/** A text, or undefined where it is absent or null. @throws DataOpsError UNEXPECTED. */
export function optionalText(value: unknown, action: string, what: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw wrongAnswer(action, `a ${what} is no text`)
}

/** A whole number from 0; absent or null is 0. @throws DataOpsError UNEXPECTED. */
export function countOf(value: unknown, action: string, what: string): number {
  if (value === undefined || value === null) return 0
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw wrongAnswer(action, `the number of ${what} is none`)
}

/** Members of a class that hold members of their own, where they are there. */
const SECTIONS = [
  'invertedIndexConfig',
  'moduleConfig',
  'multiTenancyConfig',
  'objectTtlConfig',
  'replicationConfig',
  'shardingConfig',
  'vectorConfig',
  'vectorIndexConfig',
]

/** @throws DataOpsError UNEXPECTED when it is no class that could be. */
export function classOf(value: unknown, action: string): WeaviateClass {
  if (!isJsonObject(value) || typeof value.class !== 'string' || value.class === '')
    throw wrongAnswer(action, 'it describes no collection')
  for (const section of SECTIONS) recordOf(value[section], action, section)
  for (const [name, config] of Object.entries(recordOf(value.vectorConfig, action, 'vectorConfig'))) {
    if (!isJsonObject(config)) throw wrongAnswer(action, `the vector "${name}" is no object`)
  }

  checkProperties(value.properties, action)
  return value as WeaviateClass
}

function checkProperties(value: unknown, action: string): asserts value is SchemaProperty[] | undefined {
  const names = new Set<string>()
  for (const {dataType, name, nestedProperties} of recordsOf(value, action, 'properties')) {
    const text = textOf(name, action, 'name of a property')
    if (names.has(text)) throw wrongAnswer(action, `the property ${text} is there twice`)
    names.add(text)
    const isType = Array.isArray(dataType) && dataType.length > 0 && dataType.every((each) => typeof each === 'string')
    if (!isType) throw wrongAnswer(action, `the property ${text} has no data type`)
    checkProperties(nestedProperties, action)
  }
}

/** What the roles in a reply about these credentials allow; undefined: it names no roles. @throws DataOpsError UNEXPECTED. */
export function permissionsIn(info: unknown): string[] | undefined {
  const action = 'read the own roles'
  const {roles} = recordOf(info, action, 'answer')
  if (roles === undefined || roles === null) return undefined
  const permissions = recordsOf(roles, action, 'roles').flatMap((role) =>
    recordsOf(role.permissions, action, 'permissions'),
  )
  return [...new Set(permissions.map((each) => optionalText(each.action, action, 'permission') ?? ''))]
}
