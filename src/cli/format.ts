/** Numbers, sizes, times and tables for people. Pure. */

/** `1,234,567` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** `1 object`, `1,234 objects` */
export function plural(count: number, noun: string, plurals = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plurals}`
}

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

/** Cuts to a number of characters, `…` last. */
export function truncate(text: string, width: number): string {
  if (text.length <= width) return text
  return width < 1 ? '' : `${text.slice(0, width - 1)}…`
}

export interface Column<Row> {
  align?: 'right'
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
  const natural = headers.map((header, at) => Math.max(header.length, ...cells.map((line) => line[at]!.length)))
  const widths = fitWidths(natural, width - 2 * (columns.length - 1))
  if (!widths) return cells.flatMap((line, index) => [...(index > 0 ? [''] : []), ...block(headers, line, width)])
  return [headers, ...cells].map((line) =>
    line
      .map((cell, at) => {
        const cut = truncate(cell, widths[at]!)
        return columns[at]!.align === 'right' ? cut.padStart(widths[at]!) : cut.padEnd(widths[at]!)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Takes from the widest until all fit; undefined: they do not. */
function fitWidths(natural: readonly number[], room: number): number[] | undefined {
  const widths = [...natural]
  let excess = widths.reduce((sum, each) => sum + each, 0) - room
  while (excess > 0) {
    const widest = Math.max(...widths)
    if (widest <= LEAST_WIDTH) return undefined
    const at = widths.indexOf(widest)
    const next = Math.max(LEAST_WIDTH, ...widths.filter((each) => each < widest))
    const isAlone = widths.indexOf(widest) === widths.lastIndexOf(widest)
    const taken = isAlone ? Math.min(excess, widest - next) : 1
    widths[at] = widest - taken
    excess -= taken
  }

  return widths
}

function block(headers: readonly string[], line: readonly string[], width: number): string[] {
  const label = Math.max(0, ...headers.map((header) => header.length))
  return headers.map((header, at) => {
    const room = Math.max(LEAST_WIDTH, width - label - 2)
    return `${header.padEnd(label)}  ${truncate(line[at]!, room)}`.trimEnd()
  })
}

/** Lines of `label  value`, labels padded; undefined values are left out. */
export function formatMembers(members: ReadonlyArray<[label: string, value: string | undefined]>): string[] {
  const width = Math.max(...members.map(([label]) => label.length))
  return members
    .filter(([, value]) => value !== undefined)
    .map(([label, value]) => `  ${label.padEnd(width)}  ${printable(value!)}`)
}

/** A line of `formatMembers` whose value is longer than the line goes on below its beginning; words are never broken, other lines stay as they are. */
export function wrapMember(line: string, width: number): string[] {
  const [label] = /^ {2}\S+(?: \S+)* {2,}/.exec(line) ?? []
  if (label === undefined || line.length <= width || label.length > width / 2) return [line]
  const lines = ['']
  for (const word of line.slice(label.length).split(' ')) {
    const last = lines.length - 1
    const longer = lines[last] === '' ? word : `${lines[last]} ${word}`
    if (label.length + longer.length <= width || lines[last] === '') lines[last] = longer
    else lines.push(word)
  }

  return lines.map((text, at) => (at === 0 ? label : ' '.repeat(label.length)) + text)
}

/** Text of a backup or server on one line: line ends and tabs as spaces, other control characters (a terminal would obey them) as `\xNN`. */
export function printable(text: string): string {
  return text.replaceAll(/[\t\n\r]+/g, ' ').replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    const code = character.codePointAt(0)!
    return code > 0xff ? String.raw`\u${code.toString(16)}` : String.raw`\x${code.toString(16).padStart(2, '0')}`
  })
}
