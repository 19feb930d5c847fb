/** Charts as SVG texts, drawn by ECharts without a browser; colours are CSS variables of the page, so that light and dark are the page's. */
import {BarChart, ScatterChart} from 'echarts/charts'
import {GridComponent} from 'echarts/components'
import {type EChartsCoreOption, init, use} from 'echarts/core'
import {SVGRenderer} from 'echarts/renderers'

import type {NumberSummary} from '../../jobs/inspect/sketch.js'
import type {Colouring, VectorMap} from '../../jobs/inspect/vector-map.js'

import {formatCount} from '../../model/plural.js'

let isReady = false

const INK = 'var(--ink)'
const HIDDEN = {show: false, type: 'value'}
/** Categories differ in shape too: not everybody tells colours apart. */
const SYMBOLS = ['circle', 'triangle', 'rect', 'diamond', 'circle', 'triangle', 'rect', 'diamond']
const SYMBOL_SIZE = 6
/** From this category on, symbols are outlines. */
const OUTLINED = 4

export function histogramChart({histogram}: NumberSummary): string {
  return draw(340, 110, {
    grid: {bottom: 1, left: 0, right: 0, top: 4},
    series: [
      {
        barCategoryGap: '8%',
        data: histogram.map(({share}) => share),
        itemStyle: {color: 'var(--c0)'},
        type: 'bar',
      },
    ],
    xAxis: {
      axisLabel: {show: false},
      axisLine: {lineStyle: {color: 'var(--faint)'}},
      axisTick: {show: false},
      data: histogram.map((_, at) => at),
      type: 'category',
    },
    yAxis: HIDDEN,
  })
}

/** Characters of a name that stands beside its bar, at most. */
const BESIDE = 14
const ABOVE = {inside: true, margin: 0, padding: [0, 0, 9, 0], verticalAlign: 'bottom', width: 330}

export function barChart(bars: ReadonlyArray<{count: number; value: string}>): string {
  // Names that are too long to stand beside the bars stand above them.
  const isAbove = bars.some(({value}) => value.length > BESIDE)
  return draw(340, 8 + bars.length * (isAbove ? 38 : 22), {
    grid: {bottom: isAbove ? -4 : 4, left: isAbove ? 0 : 122, right: 62, top: isAbove ? 12 : 4},
    series: [
      {
        barWidth: 14,
        data: bars.map(({count}) => count),
        itemStyle: {color: 'var(--c0)'},
        label: {
          color: INK,
          fontSize: 12,
          formatter: ({value}: {value: number}) => formatCount(value),
          position: 'right',
          show: true,
        },
        type: 'bar',
      },
    ],
    xAxis: {...HIDDEN, min: 0},
    yAxis: {
      axisLabel: {color: INK, fontSize: 12, overflow: 'truncate', ...(isAbove ? ABOVE : {width: 94})},
      axisLine: {show: false},
      axisTick: {show: false},
      data: bars.map(({value}) => value),
      inverse: true,
      type: 'category',
    },
  })
}

export function mapChart({points}: VectorMap, colouring?: Colouring): string {
  const groups = (colouring?.categories ?? ['']).map((_, category) =>
    points.filter((_point, at) => (colouring?.of[at] ?? 0) === category),
  )
  return draw(720, 400, {
    grid: {bottom: 8, left: 8, right: 8, top: 8},
    series: groups.map((group, category) => ({
      data: group.map(({x, y}) => [x, y]),
      itemStyle: styleOf(category),
      symbol: SYMBOLS[category],
      symbolSize: SYMBOL_SIZE,
      type: 'scatter',
    })),
    xAxis: {...HIDDEN, scale: true},
    yAxis: {...HIDDEN, scale: true},
  })
}

/** The symbol of a category, for a legend. */
export function symbolOf(category: number): string {
  const marks = [
    '<circle cx="6" cy="6" r="4.5"/>',
    '<path d="M6 1L11 10.5H1Z"/>',
    '<path d="M1.5 1.5h9v9h-9Z"/>',
    '<path d="M6 .5L11.5 6L6 11.5L.5 6Z"/>',
  ]
  const paint = category < OUTLINED ? 'fill' : 'fill="none" stroke-width="1.8" stroke'
  const mark = marks[category % marks.length] ?? ''
  return `<svg class="mark" viewBox="0 0 12 12" aria-hidden="true" focusable="false"><g ${paint}="var(--c${category})">${mark}</g></svg>`
}

function styleOf(category: number): Record<string, unknown> {
  const colour = `var(--c${category})`
  if (category < OUTLINED) return {color: colour, opacity: 0.8}
  return {borderColor: colour, borderWidth: 1.4, color: 'transparent'}
}

function draw(width: number, height: number, options: EChartsCoreOption): string {
  if (!isReady) use([BarChart, GridComponent, ScatterChart, SVGRenderer])
  isReady = true
  const chart = init(undefined, undefined, {height, renderer: 'svg', ssr: true, width})
  try {
    chart.setOption({...options, animation: false, silent: true})
    return tidy(chart.renderToSVGString())
  } finally {
    chart.dispose()
  }
}

/** Sized by the page, read by nobody who does not see it, without the empty background, what only scripts ask for, and digits that no screen shows. */
function tidy(svg: string): string {
  return svg
    .replace(/ width="\d+" height="\d+"/, ' aria-hidden="true" focusable="false"')
    .replaceAll(/<rect width="\d+" height="\d+" x="0" y="0"[^>]*fill="(?:none|transparent)"[^>]*><\/rect>/g, '')
    .replaceAll(/ (?:class|ecmeta_\w+)="[^"]*"|<style[^>]*>[^]*?<\/style>/g, '')
    .replaceAll(/\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2))))
}
