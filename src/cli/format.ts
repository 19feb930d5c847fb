/** Numbers, sizes, times and tables for people. Pure. */
import {formatCount} from '../model/plural.js'
import {displayWidth, padEnd, padStart, truncate} from './width.js'

/** `0 B`, `999 B`, `1.5 kB`, `12 MB` (powers of 1,000) */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }

  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** `0.1 s`, `59 s`, `1 min 05 s`, `2 h 03 min` */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const two = (part: number) => String(part).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
}

/** `590/s`, `0.5/s` */
export function formatRate(perSecond: number): string {
  return `${perSecond < 9.95 ? perSecond.toFixed(1) : formatCount(perSecond)}/s`
}

/** A bar of `width` characters. */
export function formatBar(fraction: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * width)
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}

export interface Column<Row> {
  align?: 'right'
  /** What of it goes where it is cut; default: its end. `nothing`: it is never cut. */
  cut?: 'nothing' | 'start'
  header: string
  value: (row: Row) => string
}

/** A column that is cut keeps at least as many characters. */
const LEAST_WIDTH = 8

/**
 * Lines of a table, columns two spaces apart. Where they are wider than `width`, the widest columns are cut; where that is not enough,
 * each row is a block of `header  value` lines.
 */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: ReadonlyArray<Column<Row>>,
  width = Infinity,
): string[] {
  const headers = columns.map(({header}) => header)
  const cells = rows.map((row) => columns.map(({value}) => printable(value(row))))
  const natural = headers.map((header, at) =>
    Math.max(displayWidth(header), ...cells.map((line) => displayWidth(line[at]!))),
  )
  const widths = fitWidths(natural, width - 2 * (columns.length - 1), (at) => columns[at]!.cut === 'nothing')
  if (!widths) return cells.flatMap((line, index) => [...(index > 0 ? [''] : []), ...block(headers, line, width)])
  return [headers, ...cells].map((line) =>
    line
      .map((cell, at) => {
        const {align, cut: missing} = columns[at]!
        const cut = truncate(cell, widths[at]!, missing === 'start' ? 'start' : 'end')
        return align === 'right' ? padStart(cut, widths[at]!) : padEnd(cut, widths[at]!)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Takes from the widest that may be cut until all fit; undefined: they do not. */
function fitWidths(natural: readonly number[], room: number, isKept: (at: number) => boolean): number[] | undefined {
  const widths = [...natural]
  let excess = widths.reduce((sum, each) => sum + each, 0) - room
  while (excess > 0) {
    const cuttable = widths.filter((_, at) => !isKept(at))
    const widest = Math.max(0, ...cuttable)
    if (widest <= LEAST_WIDTH) return undefined
    const at = widths.findIndex((each, index) => each === widest && !isKept(index))
    const next = Math.max(LEAST_WIDTH, ...cuttable.filter((each) => each < widest))
    const isAlone = cuttable.indexOf(widest) === cuttable.lastIndexOf(widest)
    const taken = isAlone ? Math.min(excess, widest - next) : 1
    widths[at] = widest - taken
    excess -= taken
  }

  return widths
}

function block(headers: readonly string[], line: readonly string[], width: number): string[] {
  const label = Math.max(0, ...headers.map((header) => displayWidth(header)))
  return headers.map((header, at) => {
    const room = Math.max(LEAST_WIDTH, width - label - 2)
    return `${padEnd(header, label)}  ${truncate(line[at]!, room)}`.trimEnd()
  })
}

/** Lines of `label  value`, labels padded; undefined values are left out. */
export function formatMembers(members: ReadonlyArray<[label: string, value: string | undefined]>): string[] {
  const shown = members.filter(([, value]) => value !== undefined)
  const width = Math.max(...shown.map(([label]) => displayWidth(label)))
  return shown.map(([label, value]) => `  ${padEnd(label, width)}  ${printable(value!)}`)
}

/**
 * A line that is wider goes on in the next: behind a label (`formatMembers`) below the beginning of its value, else two columns further in.
 * Words are never broken.
 */
export function wrapLine(line: string, width: number): string[] {
  if (displayWidth(line) <= width) return [line]
  const [label] = /^ {2}\S+(?: \S+)* {2,}/.exec(line) ?? []
  const isLabelled = label !== undefined && displayWidth(label) <= width / 2
  const [start] = isLabelled ? [label] : (/^ */.exec(line) ?? [''])
  const indent = ' '.repeat(isLabelled ? displayWidth(label) : Math.min(start.length + 2, width / 4))
  const lines = ['']
  // Words with the spaces behind them: those at the end of a line are not seen.
  for (const word of line.slice(start.length).match(/\S+ */g) ?? []) {
    const last = lines.length - 1
    const longer = (last === 0 ? start : indent) + lines[last] + word
    if (lines[last] === '' || displayWidth(longer.trimEnd()) <= width) lines[last] += word
    else lines.push(word)
  }

  return lines.map((text, at) => ((at === 0 ? start : indent) + text).trimEnd())
}

/** Text of a backup or server on one line: line ends and tabs as spaces, other control characters (a terminal would obey them) as `\xNN`. */
export function printable(text: string): string {
  return text.replaceAll(/[\t\n\r]+/g, ' ').replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    const code = character.codePointAt(0)!
    return code > 0xff ? String.raw`\u${code.toString(16)}` : String.raw`\x${code.toString(16).padStart(2, '0')}`
  })
}
