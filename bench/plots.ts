/** The bench's own figures as SVG files, drawn without a browser. */
import {BarChart, LineChart} from 'echarts/charts'
import {GridComponent, LegendComponent, TitleComponent} from 'echarts/components'
import {type EChartsCoreOption, init, use} from 'echarts/core'
import {SVGRenderer} from 'echarts/renderers'
import {mkdir, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {Row} from './host.js'

const INK = '#444'
const COLOURS = ['#2f6f9f', '#c8702a', '#4f8a4b', '#8a5a9e']

interface Bars {
  /** With the names of the jobs beside them. */
  isNamed: boolean
  left: string
  text: (at: number) => string
  title: string
  values: number[]
}

/** Objects a second and CPU an object, a bar for each job. */
export function ratesPlot(rows: ReadonlyArray<Row & {share?: number}>): string {
  const shown = rows.filter(({job}) => !job.startsWith('clear')).toReversed()
  const bars = ({isNamed, left, text, title, values}: Bars) => ({
    grid: {bottom: 10, left, top: 44, width: isNamed ? '30%' : '22%'},
    series: {
      data: values,
      itemStyle: {color: ({dataIndex}: {dataIndex: number}) => COLOURS[kindOf(shown[dataIndex]!.job)]!},
      label: {
        color: INK,
        formatter: ({dataIndex}: {dataIndex: number}) => text(dataIndex),
        position: 'right',
        show: true,
      },
      type: 'bar',
    },
    title: {left, text: title, textStyle: {color: INK, fontSize: 14}},
    xAxis: {axisLabel: {show: false}, splitLine: {show: false}, type: 'value'},
    yAxis: {
      axisLabel: {color: INK, show: isNamed},
      axisLine: {show: false},
      axisTick: {show: false},
      data: shown.map(({job}) => job),
      type: 'category',
    },
  })
  const rates = bars({
    isNamed: true,
    left: '31%',
    text(at) {
      const {objectsPerSecond, share} = shown[at]!
      return `${Math.round(objectsPerSecond)}${share === undefined ? '' : ` (${share.toFixed(2)})`}`
    },
    title: 'objects a second (share of the ceiling)',
    values: shown.map(({objectsPerSecond}) => objectsPerSecond),
  })
  const cpu = bars({
    isNamed: false,
    left: '72%',
    text: (at) => shown[at]!.cpuPerObject.toFixed(0),
    title: 'CPU, µs an object',
    values: shown.map(({cpuPerObject}) => cpuPerObject),
  })
  return draw(1000, 60 + shown.length * 26, sideBySide([rates, cpu]))
}

function kindOf(job: string): number {
  if (/ceiling|floor/.test(job)) return 0
  if (job.startsWith('back up')) return 1
  return job.startsWith('restore') ? 2 : 3
}

/** A job's rows by the number of objects. */
export interface Growth {
  job: string
  rows: Array<Row & {objects: number}>
}

/** Rate and memory over the number of objects, a line for each job. */
export function growthPlot(jobs: readonly Growth[]): string {
  const lines = (title: string, left: string, value: (row: Row) => number) => ({
    grid: {bottom: 60, left, top: 44, width: '40%'},
    series: jobs.map(({job, rows}, index) => ({
      data: rows.map((row) => [String(row.objects), Math.round(value(row))]),
      itemStyle: {color: COLOURS[index % COLOURS.length]},
      label: {color: INK, fontSize: 10, position: 'top', show: true},
      name: job,
      type: 'line',
    })),
    title: {left, text: title, textStyle: {color: INK, fontSize: 14}},
    xAxis: {axisLabel: {color: INK}, data: jobs[0]?.rows.map(({objects}) => String(objects)) ?? [], type: 'category'},
    yAxis: {axisLabel: {color: INK}, min: 0, type: 'value'},
  })
  const both = sideBySide([
    lines('objects a second', '7%', ({objectsPerSecond}) => objectsPerSecond),
    lines('peak resident memory, MB', '56%', ({peakRss}) => peakRss / 1e6),
  ])
  return draw(1000, 380, {...both, legend: {bottom: 4, textStyle: {color: INK}}})
}

/** What workers do together, beside one alone: objects a second. */
export interface Together {
  job: string
  many: number
  one: number
}

/** A bar for one worker and one for all, for each job. `workers`: how many these are, and what, as "8 processes". */
export function togetherPlot(jobs: readonly Together[], workers: string): string {
  const series = (name: string, values: readonly number[], colour: number, text: (at: number) => string) => ({
    data: values.map((value) => Math.round(value)),
    itemStyle: {color: COLOURS[colour]},
    label: {
      color: INK,
      formatter: ({dataIndex}: {dataIndex: number}) => text(dataIndex),
      position: 'top',
      show: true,
    },
    name,
    type: 'bar',
  })
  const rate = (value = 0): string => `${Math.round(value)}/s`
  return draw(600, 320, {
    animation: false,
    grid: {bottom: 60, left: 70, right: 20, top: 44},
    legend: {bottom: 4, textStyle: {color: INK}},
    series: [
      series(
        'one',
        jobs.map(({one}) => one),
        0,
        (at) => rate(jobs[at]?.one),
      ),
      series(
        workers,
        jobs.map(({many}) => many),
        1,
        (at) => `${rate(jobs[at]?.many)}, ${((jobs[at]?.many ?? 0) / (jobs[at]?.one ?? 1)).toFixed(1)} times`,
      ),
    ],
    title: {text: 'objects a second, each call answered after 200 ms', textStyle: {color: INK, fontSize: 14}},
    xAxis: {axisLabel: {color: INK}, data: jobs.map(({job}) => job), type: 'category'},
    yAxis: {axisLabel: {color: INK}, min: 0, type: 'value'},
  })
}

interface Part {
  grid: object
  series: object | object[]
  title: object
  xAxis: object
  yAxis: object
}

function sideBySide(parts: readonly Part[]): EChartsCoreOption {
  const indexes = (at: number) => ({xAxisIndex: at, yAxisIndex: at})
  return {
    animation: false,
    grid: parts.map(({grid}) => grid),
    series: parts.flatMap(({series}, at) => [series].flat().map((one) => ({...one, ...indexes(at)}))),
    title: parts.map(({title}) => title),
    xAxis: parts.map(({xAxis}, at) => ({...xAxis, gridIndex: at})),
    yAxis: parts.map(({yAxis}, at) => ({...yAxis, gridIndex: at})),
  }
}

function draw(width: number, height: number, option: EChartsCoreOption): string {
  use([BarChart, GridComponent, LegendComponent, LineChart, SVGRenderer, TitleComponent])

  const chart = init(null, null, {height, renderer: 'svg', ssr: true, width})
  chart.setOption({backgroundColor: '#fff', ...option})
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}

export async function savePlot(file: string, svg: string): Promise<void> {
  await mkdir(path.dirname(file), {recursive: true})
  await writeFile(file, `${svg}\n`)
  console.error(`wrote ${file}`)
}
