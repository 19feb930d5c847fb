/** Columns of a terminal that a text takes. Pure. A dependency's tables would cost every start more than these lines; `Intl` knows what one character is. */

/** Made when there is a text that needs it. */
let segmenter: Intl.Segmenter | undefined

const PLAIN = /^[\u{20}-\u{2FF}]*$/u
/** Two columns: East Asian characters but their half-width forms, and emoji. */
const WIDE =
  /^(?:(?![\u{FF61}-\u{FFDC}])[\p{Script=Han}\p{Script=Hangul}\u{3001}-\u{33FF}\u{FF01}-\u{FF60}\u{FFE0}-\u{FFE6}]|\p{Emoji_Presentation}|\p{Extended_Pictographic}\u{FE0F})/u
/** None: marks and joiners that stand alone. */
const NOTHING = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u

function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter('en', {granularity: 'grapheme'})
  return segmenter.segment(text)
}

function widthOf(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2
  return NOTHING.test(grapheme) ? 0 : 1
}

export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const {segment} of graphemesOf(text)) width += widthOf(segment)
  return width
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

/** Cuts to a number of columns, `…` where something is missing: the end, or the start. Never through a character. */
export function truncate(text: string, width: number, missing: 'end' | 'start' = 'end'): string {
  if (displayWidth(text) <= width) return text
  if (width < 1) return ''
  const segments = [...graphemesOf(text)].map(({segment}) => segment)
  if (missing === 'start') segments.reverse()
  const kept: string[] = []
  let room = width - 1
  for (const segment of segments) {
    room -= widthOf(segment)
    if (room < 0) break
    kept.push(segment)
  }

  return missing === 'end' ? `${kept.join('')}…` : `…${kept.reverse().join('')}`
}
