/** Pieces of a report's page. */
import type {NumberKind, PropertyReport} from '../../jobs/inspect/property-sketch.js'
import type {NumberSummary} from '../../jobs/inspect/sketch.js'
import type {Colouring, VectorMap} from '../../jobs/inspect/vector-map.js'
import type {VectorReport} from '../../jobs/inspect/vector-sketch.js'

import {formatCount, plural} from '../../model/plural.js'
import {barChart, histogramChart, mapChart, symbolOf} from './charts.js'

/** Whatever a backup holds is text on the page, and nothing else. */
export function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)
}

/** `heads` end with `#` where the column holds numbers. */
export function dataTable(heads: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const style = heads.map((head) => (head.endsWith('#') ? ' class="number"' : ''))
  const cells = (row: readonly string[], tag: string): string =>
    row.map((cell, at) => `<${tag}${style[at] ?? ''}>${escape(cell)}</${tag.split(' ', 1)[0]}>`).join('')
  const head = cells(
    heads.map((each) => each.replace(/#$/, '')),
    'th scope="col"',
  )
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')
  return `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`
}

export function propertyCard(property: PropertyReport, objects: number): string {
  const {distinct, missing, name, numbers, present, top, type} = property
  const facts =
    present === 0
      ? ['in no object']
      : [
          `${formatCount(present)} of ${formatCount(objects)} (${percent(present / objects)})`,
          missing > 0 ? `${formatCount(missing)} missing` : '',
          `${distinct.estimated ? 'about ' : ''}${formatCount(distinct.value)} different`,
          numbers ? rangeText(numbers) : '',
        ]
  const drawn = top ? values(top) : numbers ? distribution(numbers) : {chart: '', table: ''}
  return card(name, type, facts, drawn)
}

export function vectorCard({count, dimensions, name, nonFinite, norms}: VectorReport): string {
  const facts = [
    plural(count, 'object'),
    nonFinite > 0 ? `${formatCount(nonFinite)} not finite` : '',
    norms ? `norms ${rangeText({...norms, kind: 'value'})}` : '',
  ]
  const drawn = norms ? distribution({...norms, kind: 'value'}) : {chart: '', table: ''}
  const lengths = `${dimensions.map((each) => formatCount(each)).join(', ')} ${dimensions.join(',') === '1' ? 'dimension' : 'dimensions'}`
  return card(name === '' ? 'Unnamed vector' : name, lengths, facts, drawn)
}

interface Drawn {
  chart: string
  table: string
}

function card(name: string, type: string, maybe: readonly string[], {chart, table}: Drawn): string {
  const facts = maybe.filter(Boolean)
  const numbers = `Numbers<span class="hidden"> of ${escape(name)}</span>`
  return [
    `<article><h3>${escape(name)} <small>${escape(type)}</small></h3><p>${facts.map((fact) => `<span>${escape(fact)}</span>`).join(' · ')}</p>`,
    chart && `<figure role="img" aria-label="${escape(`${name}: ${facts.join(', ')}`)}">${chart}</figure>`,
    table && `<details><summary>${numbers}</summary>${table}</details>`,
    '</article>',
  ].join('')
}

function values(top: ReadonlyArray<{count: number; value: string}>): Drawn {
  return {
    chart: barChart(top),
    table: dataTable(
      ['Value', 'Times#'],
      top.map(({count, value}) => [value, formatCount(count)]),
    ),
  }
}

type Numbers = NumberSummary & {kind: NumberKind}

function distribution(numbers: Numbers): Drawn {
  const label = labelOf(numbers)
  const ends = `<p class="ends"><span>${escape(label(numbers.min))}</span><span>${escape(label(numbers.max))}</span></p>`
  return {
    chart: `${histogramChart(numbers)}${ends}`,
    table: dataTable(
      ['From#', 'To#', 'Share#'],
      numbers.histogram.map(({from, share, to}) => [label(from), label(to), percent(share)]),
    ),
  }
}

/** Times of a day or two with their hours, others as days. */
function labelOf({kind, max, min}: Pick<Numbers, 'kind' | 'max' | 'min'>): (value: number) => string {
  if (kind !== 'time') return short
  const length = max - min < 3 * 86_400_000 ? 16 : 10
  return (value) => new Date(value).toISOString().slice(0, length).replace('T', ' ')
}

function rangeText(numbers: Numbers): string {
  const label = labelOf(numbers)
  const what = numbers.kind === 'length' ? 'length ' : ''
  if (numbers.min === numbers.max) return `${what}always ${label(numbers.min)}`
  const mean = numbers.kind === 'time' ? '' : `, mean ${label(numbers.mean)}`
  return `${what}${label(numbers.min)} to ${label(numbers.max)}${mean}`
}

export function short(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString('en-US')
  return String(Number(value.toPrecision(4)))
}

/** `97 %` in one line; what is not all is never 100 %, what is there never 0 %. */
export function percent(share: number): string {
  return `${percentage(share * 100)}\u{A0}%`
}

function percentage(value: number): string {
  if (value === 0 || value === 100 || (value >= 1 && value <= 99)) return value.toFixed(0)
  if (value < 1) return value < 0.01 ? '<\u{A0}0.01' : value.toFixed(2)
  return value > 99.99 ? '>\u{A0}99.99' : value.toFixed(2)
}

/** One drawing for each way to colour it; the page shows the one that is chosen, without any script. */
export function mapCard(map: VectorMap): string {
  const about = `${plural(map.points.length, 'vector')}${map.name === '' ? '' : ` called ${map.name}`}, a sample, in the two directions in which they differ most: ${percent(map.shown)} of the variance`
  const views = map.colourings.map(
    (colouring, at) =>
      `<div class="view" id="view-${at}"><figure class="map" role="img" aria-label="${escape(`${about}; coloured by ${colouring.by}`)}">${mapChart(map, colouring)}</figure>${legend(colouring)}</div>`,
  )
  const only = `<figure class="map" role="img" aria-label="${escape(about)}">${mapChart(map)}</figure>`
  const drawn = views.length === 0 ? only : `${choice(map.colourings)}${views.join('')}`
  return `<article class="wide">${drawn}<p>${escape(about)}.</p></article>`
}

/** Rules that show the drawing that is chosen; where a browser lacks `:has`, all of them. */
export function choiceStyle(map: undefined | VectorMap): string {
  const rules = (map?.colourings ?? []).map((_, at) => `article:has(#by-${at}:checked) #view-${at}{display:block}`)
  return rules.length === 0 ? '' : `@supports selector(:has(*)){.view{display:none}${rules.join('')}}`
}

function choice(colourings: readonly Colouring[]): string {
  const radios = colourings.map(
    ({by, isTenant}, at) =>
      `<label><input type="radio" name="by" id="by-${at}"${at === 0 ? ' checked' : ''}> ${escape(isTenant ? 'tenant' : by)}</label>`,
  )
  return `<fieldset><legend>Coloured by</legend>${radios.join('')}</fieldset>`
}

function legend({categories, of}: Colouring): string {
  const counts = categories.map((_, category) => of.filter((each) => each === category).length)
  const items = categories.map(
    (name, category) =>
      `<li>${symbolOf(category)}${escape(name)} <small>${formatCount(counts[category] ?? 0)}</small></li>`,
  )
  return `<ul class="key">${items.join('')}</ul>`
}
