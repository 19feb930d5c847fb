/** A class whose objects refer to each other, and its objects. */
import type {WeaviateClass} from '../../src/model/schema.js'

import {makeClass, makeObjects} from '../../bench/data.js'
import {type WeaviateObject} from '../../src/model/object.js'

/** 50 objects, each with a reference `before` to another of them. */
export function selfReferring(className: string): {objects: WeaviateObject[]; schema: WeaviateClass} {
  const options = {className, dims: 4, objects: 50}
  const made = makeObjects(options)
  const objects = made.map((object, index): WeaviateObject => {
    const before = [{beacon: `weaviate://localhost/${className}/${made[(index * 7) % made.length]!.id}`}]
    return {...object, properties: {...object.properties, before}}
  })
  const schema = makeClass(options)
  schema.properties!.push({dataType: [className], name: 'before'})
  return {objects, schema}
}
