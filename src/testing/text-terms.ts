import type {SchemaProperty, WeaviateClass} from '../model/schema.js'

import {Refusal} from './refusal.js'
import {filled} from './values.js'

/** How text is made into terms beside its tokenization, as in a property's `textAnalyzer`. */
export interface TextAnalyzer {
  asciiFold?: boolean
  asciiFoldIgnore?: null | string[]
  stopwordPreset?: string
}

/** A class's own, as in `invertedIndexConfig`. */
export interface StopwordConfig {
  additions?: null | string[]
  preset?: string
  removals?: null | string[]
}

export type StopwordPresets = Record<string, string[]>

export function analyzerOf({textAnalyzer}: SchemaProperty): TextAnalyzer {
  return textAnalyzer ?? {}
}

/** The words that filters leave out: of the preset that the property names, else of its class. */
export function stopwordsOf({invertedIndexConfig}: WeaviateClass, property: SchemaProperty): ReadonlySet<string> {
  const {stopwordPresets, stopwords} = (invertedIndexConfig ?? {}) as {
    stopwordPresets?: StopwordPresets
    stopwords?: StopwordConfig
  }
  const {stopwordPreset} = analyzerOf(property)
  return stopwordPreset ? presetWords(stopwordPreset, stopwordPresets) : configuredWords(stopwords)
}

/** @throws Refusal 422 for one that is nowhere defined. */
export function presetWords(name: string, presets: StopwordPresets = {}): ReadonlySet<string> {
  if (Object.hasOwn(presets, name)) return new Set(presets[name])
  if (name !== 'en' && name !== 'none')
    throw new Refusal(
      `unknown stopword preset ${JSON.stringify(name)}; define it in stopwordPresets or use a built-in preset ('en', 'none')`,
    )
  return name === 'en' ? ENGLISH : new Set()
}

export function configuredWords({additions, preset, removals}: StopwordConfig = {}): ReadonlySet<string> {
  const removed = new Set(removals)
  return new Set([...presetWords(filled(preset) ?? 'en'), ...(additions ?? [])].filter((word) => !removed.has(word)))
}

/** The server's English ones. */
const ENGLISH = new Set(
  'a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with'.split(
    ' ',
  ),
)

/**
 * Splits text as a property with this tokenization is indexed; `hasWildcards` keeps * and ?.
 * @throws Refusal for those that need a dictionary.
 */
export function termsOf(
  tokenization: unknown,
  {asciiFold, asciiFoldIgnore}: TextAnalyzer = {},
  hasWildcards = false,
): (text: string) => string[] {
  const tokenize = tokenizer(tokenization, hasWildcards)
  if (!asciiFold) return tokenize
  const ignored = new Set(asciiFoldIgnore?.flatMap((character) => casesOf(character.normalize('NFC'))))
  return (text) => tokenize(folded(text, ignored))
}

const SPACES = /\p{White_Space}+/u

function tokenizer(tokenization: unknown, hasWildcards: boolean): (text: string) => string[] {
  const between = hasWildcards ? /[^\p{L}\p{N}*?]+/u : /[^\p{L}\p{N}]+/u
  const parts = (text: string, separator: RegExp): string[] => text.split(separator).filter(Boolean)
  const tokenizers: Readonly<Record<string, (text: string) => string[]>> = {
    field: (text) => [text.replaceAll(/^\p{White_Space}+|\p{White_Space}+$/gu, '')],
    lowercase: (text) => parts(lowered(text), SPACES),
    trigram: (text) => trigrams(lowered(parts(text, between).join(''))),
    whitespace: (text) => parts(text, SPACES),
    word: (text) => parts(text, between).map((word) => lowered(word)),
  }
  const found = tokenizers[String(tokenization)]
  if (!found) throw new Refusal(`the embedded server does not tokenize by ${String(tokenization)}`)
  return found
}

/** Letter by letter, as Go does: no letter depends on its neighbours. */
function lowered(text: string): string {
  if (!/[Σİ]/u.test(text)) return text.toLowerCase()
  return Array.from(text, (letter) => (letter === 'İ' ? 'i' : letter.toLowerCase())).join('')
}

function trigrams(text: string): string[] {
  const letters = [...text]
  return letters.slice(2).map((_, index) => letters.slice(index, index + 3).join(''))
}

function casesOf(character: string): string[] {
  return [character, character.toLowerCase(), character.toUpperCase()]
}

/** Accents are taken off and letters made plain, but for `ignored` ones. */
function folded(text: string, ignored: ReadonlySet<string>): string {
  return text
    .normalize('NFD')
    .replaceAll(/(\P{Mn})\p{Mn}*/gu, (cluster: string, base: string) => {
      if (ignored.has(cluster.normalize('NFC'))) return cluster
      return ignored.has(base) ? base : (PLAIN.get(base) ?? base)
    })
    .replaceAll(/^\p{Mn}+/gu, '')
    .normalize('NFC')
}

/** What Unicode does not take apart: each letter, and what it becomes. */
const PLAIN = new Map(
  (
    'łl ŁL øo ØO đd ĐD ħh ĦH ŧt ŦT ɨi ƗI ƀb ɃB ɇe ɆE ɉj ɈJ ɍr ɌR ɏy ɎY ⱥa ȺA æae ÆAE œoe ŒOE ĳij ĲIJ ßss ẞSS ðd ÐD þth ÞTH ' +
    'ıi İI ĸk ŉn ſs ﬀff ﬁfi ﬂfl ﬃffi ﬄffl ﬅst ﬆst ɓb ƈc ɗd ƒf ɠg ɦh ƙk ɱm ɲn ƞn ƥp ʠq ɽr ʂs ƭt ʋv ⱳw ƴy ʐz ƁB ƇC ƊD ƑF ƓG ƘK ' +
    'ƝN ƤP ƬT ƲV ƳY ȤZ'
  )
    .split(' ')
    .map((pair): [string, string] => [pair.slice(0, 1), pair.slice(1)]),
)
