/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-call -- answers are read as they come: a wrong shape fails the expectation */
import {beforeAll, describe, expect, it} from 'vitest'

import {messageOf, useTarget} from './target.js'

const {create, target} = useTarget()
let name = ''

const split = async (body: object): Promise<unknown> => {
  const {json, status} = await target.rest('POST', '/tokenize', body)
  return status === 200 ? json : [status, json.message ?? json.error[0].message]
}

const both = (...terms: string[]): object => ({indexed: terms, query: terms})

beforeAll(async () => {
  name = await create('Tokenized', {
    invertedIndexConfig: {
      stopwordPresets: {german: ['der', 'die']},
      stopwords: {additions: ['quick'], preset: 'en', removals: ['is']},
    },
    properties: [
      {dataType: ['text'], name: 'word'},
      {dataType: ['text'], name: 'field', tokenization: 'field'},
      {dataType: ['text'], name: 'german', textAnalyzer: {asciiFold: true, stopwordPreset: 'german'}},
      {
        dataType: ['text'],
        name: 'folded',
        textAnalyzer: {asciiFold: true, asciiFoldIgnore: ['é']},
        tokenization: 'field',
      },
      {dataType: ['int'], name: 'int'},
    ],
  })
})

describe('POST /v1/tokenize', () => {
  it('splits by each tokenization, and leaves the English stop words out of words alone', async () => {
    const text = ' The Quick, brown foxé_1 '
    expect(await split({text, tokenization: 'word'})).toEqual({
      indexed: ['the', 'quick', 'brown', 'foxé', '1'],
      query: ['quick', 'brown', 'foxé', '1'],
    })
    expect(await split({text, tokenization: 'lowercase'})).toEqual(both('the', 'quick,', 'brown', 'foxé_1'))
    expect(await split({text, tokenization: 'whitespace'})).toEqual(both('The', 'Quick,', 'brown', 'foxé_1'))
    expect(await split({text, tokenization: 'field'})).toEqual(both('The Quick, brown foxé_1'))
    expect(await split({text: 'Hé, lo', tokenization: 'trigram'})).toEqual(both('hél', 'élo'))
    expect(await split({text: 'ΟΔΟΣ İstanbul\u{85}x', tokenization: 'lowercase'})).toEqual(
      both('οδοσ', 'istanbul', 'x'),
    )
    expect(await split({text: '', tokenization: 'word'})).toEqual(both())
  })

  it('takes accents off, but for those to be kept', async () => {
    const text = "L'ÉCOLE est fermée Łódź straße Ǿ ﬁn"
    const analyzerConfig = {asciiFold: true}
    expect(await split({analyzerConfig, text, tokenization: 'whitespace'})).toEqual(
      both("L'ECOLE", 'est', 'fermee', 'Lodz', 'strasse', 'O', 'fin'),
    )
    const kept = {...analyzerConfig, asciiFoldIgnore: ['é', 'ł']}
    expect(await split({analyzerConfig: kept, text, tokenization: 'whitespace'})).toEqual(
      both("L'ÉCOLE", 'est', 'fermée', 'Łodz', 'strasse', 'O', 'fin'),
    )
  })

  it('leaves out the stop words that are asked for', async () => {
    const text = 'the quick is hello'
    const queryOf = async (body: object): Promise<unknown> =>
      ((await split({text, tokenization: 'word', ...body})) as {query: unknown}).query
    expect(await queryOf({analyzerConfig: {stopwordPreset: 'none'}})).toEqual(['the', 'quick', 'is', 'hello'])
    expect(await queryOf({stopwords: {additions: ['hello'], removals: ['is']}})).toEqual(['quick', 'is'])
    expect(await queryOf({stopwordPresets: {en: ['hello']}})).toEqual(['the', 'quick', 'is'])
    expect(
      await queryOf({analyzerConfig: {stopwordPreset: 'mine'}, stopwordPresets: {mine: ['is']}, tokenization: 'field'}),
    ).toEqual(['the quick is hello'])
  })

  it('refuses what makes no sense', async () => {
    expect(await split({tokenization: 'word'})).toEqual([422, 'text in body is required'])
    expect(await split({text: 'a'})).toEqual([422, 'tokenization in body is required'])
    expect(await split({text: 'a', tokenization: 'nope'})).toEqual([
      422,
      'tokenization in body should be one of [word lowercase whitespace field trigram gse kagome_kr kagome_ja gse_ch]',
    ])
    const asked = {text: 'a', tokenization: 'word'}
    expect(await split({...asked, tokenization: 'gse'})).toEqual([422, 'unsupported tokenization strategy: gse'])
    expect(await split({...asked, text: 'é'.repeat(5001)})).toEqual([
      422,
      'text exceeds maximum allowed length of 10,000 characters',
    ])
    expect(await split({...asked, analyzerConfig: {asciiFoldIgnore: ['é']}})).toEqual([
      422,
      'asciiFoldIgnore requires asciiFold to be enabled',
    ])
    expect(await split({...asked, analyzerConfig: {asciiFold: true, asciiFoldIgnore: ['ab']}})).toEqual([
      422,
      'each asciiFoldIgnore entry must be a single character, got "ab"',
    ])
    expect(await split({...asked, analyzerConfig: {stopwordPreset: 'nope'}})).toEqual([
      422,
      `unknown stopword preset "nope"; define it in stopwordPresets or use a built-in preset ('en', 'none')`,
    ])
    expect(await split({...asked, stopwordPresets: {a: ['b']}, stopwords: {preset: 'en'}})).toEqual([
      422,
      'stopwords and stopwordPresets are mutually exclusive; pass only one',
    ])
    expect(await split({...asked, stopwords: {additions: ['x'], removals: ['x']}})).toEqual([
      422,
      "found 'x' in both stopwords.additions and stopwords.removals",
    ])
    expect(await split({...asked, stopwordPresets: {a: [' ']}})).toEqual([
      422,
      'stopwordPresets: preset "a" contains empty or whitespace-only word',
    ])
  })
})

describe('the terms of a property', () => {
  const termsOf = async (property: string, text: string): Promise<unknown> => {
    const {json, status} = await target.rest('POST', `/schema/${name}/properties/${property}/tokenize`, {text})
    return status === 200 ? (json as unknown) : status
  }

  it('are those that its class and its analyzer say', async () => {
    expect(await termsOf('WORD', 'The quick is')).toEqual({indexed: ['the', 'quick', 'is'], query: ['is']})
    expect(await termsOf('field', ' The ')).toEqual({indexed: ['The'], query: ['The']})
    expect(await termsOf('german', 'Die the Öl')).toEqual({indexed: ['die', 'the', 'ol'], query: ['the', 'ol']})
    expect(await termsOf('nope', 'x')).toBe(404)
    const refused = await target.rest('POST', `/schema/${name}/properties/int/tokenize`, {text: 'x'})
    expect([refused.status, messageOf(refused)]).toEqual([422, 'tokenization is not enabled for this property'])
  })

  it('are what filters go by', async () => {
    const objects = [{german: 'Die Wörter'}, {folded: 'éàü'}, {german: 'the texts'}, {word: 'ΟΔΟΣ'}].map(
      (properties, index) => ({class: name, id: `00000000-0000-0000-0000-00000000000${index}`, properties}),
    )
    await target.rest('POST', '/batch/objects', {objects})
    const found = async (property: string, valueText: string, operator = 'Equal'): Promise<unknown> => {
      const match = {class: name, where: {operator, path: [property], valueText}}
      const {json} = await target.rest('DELETE', '/batch/objects', {dryRun: true, match, output: 'verbose'})
      return json.error?.[0].message ?? json.results.objects?.map((object: {id: string}) => object.id.slice(-1)) ?? []
    }

    expect(await found('german', 'die worter')).toEqual(['0'])
    expect(await found('german', 'wör*', 'Like')).toEqual(['0'])
    expect(await found('german', 'the')).toEqual(['2'])
    expect(await found('german', 'Die')).toContain('only stopwords provided')
    expect(await found('folded', 'éau')).toEqual(['1'])
    expect(await found('folded', 'eau')).toEqual([])
    expect(await found('word', 'οδοσ')).toEqual(['3'])
    expect(await found('word', 'οδος')).toEqual([])
  })
})
