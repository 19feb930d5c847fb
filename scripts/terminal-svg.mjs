/* What a terminal showed, as an animated SVG without scripts, fonts or addresses: each state of a line is a text that is seen for its time. Pure. */

const CHARACTER = 8.4
const LINE = 20
const PADDING = 16
/** A command to the terminal (`ESC [ argument code`), or a character. */
const SEEN = new RegExp(String.raw`${String.fromCodePoint(0x1b)}\[([\d;?]*)([A-Za-z])|([^])`, 'gu')

/** The screen of a program: as much of a terminal as our output, and that of `readline`, asks for. */
export class Screen {
  /** `{from, kind, row, text, to?}`: what stood where, from when until when, in seconds; without `to` it stays. */
  states = []
  #column = 0
  #columns
  #lines = ['']

  /** @param columns characters of a line: what is longer goes on in the next one */
  constructor(columns) {
    this.#columns = columns
  }

  get rows() {
    return this.#lines.length
  }

  /** `at`: seconds; `kind`: class of the lines that it writes to. */
  write(text, at, kind = '') {
    const touched = new Set()
    for (const [, argument, code, plain] of text.matchAll(SEEN)) {
      if (code !== undefined) this.#obey(code, argument)
      else if (plain === '\n') this.#newLine()
      else if (plain === '\r') this.#column = 0
      else this.#put(plain)
      touched.add(this.rows - 1)
    }

    for (const row of touched) this.#keep(row, at, kind)
  }

  #obey(code, argument) {
    const line = this.#lines.at(-1)
    const to = (text) => {
      this.#lines[this.rows - 1] = text
    }

    if (code === 'G') this.#column = Number(argument === '' ? 1 : argument) - 1
    else if (code === 'K' && argument === '2') to('')
    else if (code === 'K' || code === 'J') to(line.slice(0, this.#column))
    else if (code !== 'h' && code !== 'l') throw new Error(`The terminal does not know ESC [ ${argument}${code}.`)
  }

  #newLine() {
    this.#lines.push('')
    this.#column = 0
  }

  #put(character) {
    if (this.#column >= this.#columns) this.#newLine()
    const line = this.#lines.at(-1).padEnd(this.#column)
    this.#lines[this.rows - 1] = line.slice(0, this.#column) + character + line.slice(this.#column + 1)
    this.#column++
  }

  #keep(row, at, kind) {
    const text = this.#lines[row].trimEnd()
    const before = this.states.findLast((state) => state.row === row && state.to === undefined)
    if (before?.text === text) return
    if (before) before.to = at
    if (text !== '') this.states.push({from: at, kind, row, text})
  }
}

/** Of a `Screen`'s states; with characters of a line, lines that are seen at once, when it begins anew, and what it shows. */
export function svgOf(states, {columns, height, seconds, title}) {
  const width = Math.ceil(columns * CHARACTER + 2 * PADDING)
  const tall = height * LINE + 2 * PADDING
  const times = new Map()
  const seen = states.filter(({from, to}) => to === undefined || round(to) > round(from))
  const texts = seen.map(({from, kind, row, text, to}) => {
    const key = `${percent(from, seconds)} ${to === undefined ? '' : percent(to, seconds)}`
    if (!times.has(key)) times.set(key, `t${times.size}`)
    const names = [times.get(key), kind, to === undefined ? 'end' : ''].filter((name) => name !== '').join(' ')
    const length = ([...text].length * CHARACTER).toFixed(1)
    return `<text class="${names}" y="${row * LINE + 14}" textLength="${length}">${escaped(text)}</text>`
  })
  const scrolls = scrollsOf(seen, height)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${tall}" viewBox="0 0 ${width} ${tall}" role="img" aria-label="${escaped(title)}">
<style>
rect{fill:#f6f8fa;stroke:#d0d7de}text{fill:#1f2328;font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace;white-space:pre}
.command{fill:#0550ae;font-weight:600}.note{fill:#59636e}
@media (prefers-color-scheme:dark){rect{fill:#0d1117;stroke:#3d444d}text{fill:#e6edf3}.command{fill:#79c0ff}.note{fill:#9198a1}}
${[...times].map(([key, name]) => keyframes(name, key.split(' '))).join('\n')}
@keyframes scroll{${scrolls.map(([at, by]) => `${percent(at, seconds)}{transform:translateY(${by * -LINE}px)}`).join('')}}
[class^=t]{visibility:hidden;animation:${seconds}s step-end infinite}
${[...times.values()].map((name) => `.${name}{animation-name:${name}}`).join('')}
.scroll{animation:scroll ${seconds}s step-end infinite}
@media (prefers-reduced-motion:reduce){[class^=t]{animation:none}.end{visibility:visible}.scroll{animation:none;transform:translateY(${scrolls.at(-1)[1] * -LINE}px)}}
</style>
<rect x=".5" y=".5" width="${width - 1}" height="${tall - 1}" rx="8"/>
<svg x="${PADDING}" y="${PADDING}" width="${width - 2 * PADDING}" height="${height * LINE}"><g class="scroll">
${texts.join('\n')}
</g></svg>
</svg>
`
}

/** When how many lines have left at the top: once a line below the last one that fits is written. */
function scrollsOf(states, height) {
  const scrolls = [[0, 0]]
  for (const {from, row} of states.toSorted((a, b) => a.from - b.from)) {
    const by = row - height + 1
    if (by > scrolls.at(-1)[1]) scrolls.push([from, by])
  }

  return scrolls
}

function keyframes(name, [from, to]) {
  const end = to === '' ? '' : `${to}{visibility:hidden}`
  return `@keyframes ${name}{${from}{visibility:visible}${end}}`
}

function percent(at, seconds) {
  return `${Number(((round(at) / seconds) * 100).toFixed(2))}%`
}

/** A hundredth of a second is shorter than anybody sees. */
function round(at) {
  return Math.round(at * 100) / 100
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
