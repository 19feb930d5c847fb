/** The members of a class that this tool itself reads, looked at before they are believed: from a file, or after somebody changed them. */
import type {SchemaProperty, WeaviateClass} from './schema.js'

import {Field, MalformedError} from './fields.js'

/** It is kept whole: other members are as they were given. @throws MalformedError. */
export function readClassMembers(field: Field): WeaviateClass {
  given(field.member('properties'), (list) => {
    for (const property of list.array()) readProperty(property)
  })
  given(field.member('multiTenancyConfig'), (item) => {
    given(item.member('enabled'), (enabled) => enabled.boolean())
  })
  given(field.member('vectorIndexType'), (item) => item.text())
  given(field.member('vectorConfig'), (item) => {
    for (const name of Object.keys(item.object())) item.member(name).object()
  })
  return field.object() as WeaviateClass
}

/** What keeps a class that was changed from being one: `the schema.properties[0] has no data type`; undefined: nothing. */
export function flawOfClass(changed: unknown): string | undefined {
  try {
    readClassMembers(new Field(changed, 'the schema'))
    return undefined
  } catch (error) {
    if (error instanceof MalformedError) return error.message
    throw error
  }
}

/** The server writes null where it has nothing: the properties of a class without any. */
function given(field: Field, read: (field: Field) => unknown): void {
  if (field.value !== undefined && field.value !== null) read(field)
}

function readProperty(field: Field): SchemaProperty {
  field.member('name').text()
  const types = field.member('dataType').listOf((item) => item.text())
  if (types.length === 0) throw new MalformedError(field.path, 'has no data type')
  given(field.member('nestedProperties'), (list) => {
    for (const nested of list.array()) readProperty(nested)
  })
  return field.object() as SchemaProperty
}
