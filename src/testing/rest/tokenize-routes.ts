import type {SchemaProperty} from '../../model/schema.js'
import type {Database} from '../store.js'

import {Refusal} from '../refusal.js'
import {invertedIndexConfig} from '../schema-defaults.js'
import {
  analyzerOf,
  configuredWords,
  presetWords,
  type StopwordConfig,
  type StopwordPresets,
  stopwordsOf,
  termsOf,
  type TextAnalyzer,
} from '../text-terms.js'
import {InvalidBody, type RestAnswer, type Router} from './router.js'

interface TokenizeBody {
  analyzerConfig?: null | TextAnalyzer
  stopwordPresets?: null | StopwordPresets
  stopwords?: null | StopwordConfig
  text?: null | string
  tokenization?: null | string
}

/** Those that the real server knows; the others need a dictionary. */
const KNOWN = ['word', 'lowercase', 'whitespace', 'field', 'trigram', 'gse', 'kagome_kr', 'kagome_ja', 'gse_ch']
const PLAIN = new Set(KNOWN.slice(0, 5))
const MOST_BYTES = 10_000

/** How text is split, for a tokenization that is given and for that of a property. */
export function tokenizeRoutes(router: Router, database: Database): void {
  router.on('POST', 'tokenize', ({body}) => tokenized(body as TokenizeBody))
  router.on('POST', 'schema/:class/properties/:property/tokenize', ({body, params}) => {
    const schema = database.find(params.class!)?.schema
    const name = params.property!.toLowerCase()
    const property = schema?.properties?.find((candidate) => candidate.name.toLowerCase() === name)
    if (!schema || !property) return {status: 404}
    const text = textOf(body as TokenizeBody)
    if (!property.tokenization) throw new Refusal('tokenization is not enabled for this property')
    return terms(text, {
      analyzer: analyzerOf(property),
      stopwords: stopwordsOf(schema, property),
      tokenization: property.tokenization,
    })
  })
}

function textOf({text}: TokenizeBody): string {
  if (typeof text !== 'string') throw new InvalidBody(602, 'text in body is required')
  return text
}

function tokenized(body: TokenizeBody): RestAnswer {
  const text = textOf(body)
  const {analyzerConfig, tokenization} = body
  if (typeof tokenization !== 'string') throw new InvalidBody(602, 'tokenization in body is required')
  if (!KNOWN.includes(tokenization))
    throw new InvalidBody(606, `tokenization in body should be one of [${KNOWN.join(' ')}]`)
  if (!PLAIN.has(tokenization)) throw new Refusal(`unsupported tokenization strategy: ${tokenization}`)
  if (new TextEncoder().encode(text).byteLength > MOST_BYTES)
    throw new Refusal('text exceeds maximum allowed length of 10,000 characters')
  const analyzer = analyzerConfig ?? {}
  checkFolding(analyzer)
  return terms(text, {analyzer, stopwords: wordsOf(body, tokenization), tokenization})
}

/** The stop words that a request asks for, by a preset or of its own; the English ones for words without either. */
function wordsOf(
  {analyzerConfig, stopwordPresets, stopwords}: TokenizeBody,
  tokenization: string,
): ReadonlySet<string> {
  const presets = stopwordPresets ?? {}
  if (stopwords && Object.keys(presets).length > 0)
    throw new Refusal('stopwords and stopwordPresets are mutually exclusive; pass only one')
  invertedIndexConfig({stopwordPresets: presets, ...(stopwords && {stopwords: {...stopwords}})})
  if (analyzerConfig?.stopwordPreset) return presetWords(analyzerConfig.stopwordPreset, presets)
  if (stopwords) return configuredWords(stopwords)
  return tokenization === 'word' ? presetWords('en', presets) : new Set()
}

function checkFolding({asciiFold, asciiFoldIgnore}: TextAnalyzer): void {
  const ignored = asciiFoldIgnore ?? []
  if (!asciiFold && ignored.length > 0) throw new Refusal('asciiFoldIgnore requires asciiFold to be enabled')
  for (const entry of ignored)
    if ([...entry.normalize('NFC')].length !== 1)
      throw new Refusal(`each asciiFoldIgnore entry must be a single character, got ${JSON.stringify(entry)}`)
}

function terms(
  text: string,
  of: {analyzer: TextAnalyzer; stopwords: ReadonlySet<string>; tokenization: SchemaProperty['tokenization']},
): RestAnswer {
  const indexed = termsOf(of.tokenization, of.analyzer)(text)
  return {body: {indexed, query: indexed.filter((term) => !of.stopwords.has(term))}, status: 200}
}
