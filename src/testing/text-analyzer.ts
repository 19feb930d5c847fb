import type {JsonObject} from '../model/object.js'
import type {SchemaProperty, WeaviateClass} from '../model/schema.js'

import {Refusal} from './refusal.js'
import {analyzerOf} from './text-terms.js'

const BUILT_IN = new Set(['en', 'none'])

/** The names of a class's own lists of stop words. */
export function presetsOf(invertedIndexConfig: unknown): string[] {
  return Object.keys(((invertedIndexConfig ?? {}) as JsonObject).stopwordPresets ?? {})
}

/** Which list of stop words a property names; '' for none. */
function presetOf(property: SchemaProperty): string {
  return analyzerOf(property).stopwordPreset ?? ''
}

/** @throws Refusal 422 on a way of analyzing that the property cannot have. */
export function checkAnalyzer(path: string, property: SchemaProperty, presets: readonly string[]): void {
  const {dataType, textAnalyzer, tokenization} = property
  if (!textAnalyzer) return
  const type = dataType[0]!
  if (type !== 'text' && type !== 'text[]')
    throw new Refusal(
      `property '${path}': processing options are only allowed for text and text[] data types, got '${type}'`,
    )
  const preset = presetOf(property)
  if (preset === '') return
  if (typeof tokenization === 'string' && tokenization !== '' && tokenization !== 'word')
    throw new Refusal(
      `property '${path}': stopwordPreset is only supported with tokenization "word", got "${tokenization}"`,
    )
  if (!BUILT_IN.has(preset) && !presets.includes(preset))
    throw new Refusal(
      `property '${path}': unknown stopword preset "${preset}"; must be a built-in preset ('en', 'none') or defined in invertedIndexConfig.stopwordPresets`,
    )
}

/** @throws Refusal 422 when a list goes that a property still names. */
export function checkPresetsKept(old: WeaviateClass, invertedIndexConfig: unknown, prefix: string): void {
  const kept = new Set(presetsOf(invertedIndexConfig))
  const removed = new Set(presetsOf(old.invertedIndexConfig).filter((name) => !kept.has(name)))
  const check = (properties: readonly SchemaProperty[], above: string): void => {
    for (const property of properties) {
      const path = `${above}${property.name}`
      const preset = presetOf(property)
      if (removed.has(preset))
        throw new Refusal(
          `${prefix}inverted index config: invertedIndexConfig.stopwordPresets: cannot remove preset "${preset}" because it is still used by property "${path}"`,
        )
      check(property.nestedProperties ?? [], `${path}.`)
    }
  }

  check(old.properties ?? [], '')
}
