/** Blocks of commands in Markdown. */

export interface Block {
  language: string
  /** Of the file, from 1. */
  line: number
  /** Lines that start programs of others. */
  others: string[]
  /** Why it is not run; undefined: it is. */
  reason?: string
  text: string
}

/** One of our own commands: what stands there, and its words behind the name of the program. */
export interface Line {
  text: string
  words: string[]
}

const SHELL = new Set(['', 'bash', 'console', 'sh', 'shell'])
const OURS = /^(?:elysia-data-ops|elysiactl) /
const OTHERS = /^(?:age|age-keygen|curl|docker|git|helm|kubectl|npm(?! install)|npx|pip|python3?|sudo|systemctl) /
/** Why blocks of the generated reference are not run. */
export const REFERENCE = 'of the reference, whose commands and flags are looked up alone'
const GENERATED = '<!-- From here on written by'

/** `<!-- not run: REASON -->` above a block leaves it out, and so does being of the generated reference. */
export function blocksOf(markdown: string): Block[] {
  const generated = markdown.indexOf(GENERATED)
  return [...markdown.matchAll(/(?:^<!-- not run: ([^\n]+) -->\n+)?^```(\w*)\n(.*?)^```$/gms)].map((match) => {
    const [, reason, language = '', text = ''] = match
    const isReference = generated !== -1 && match.index > generated
    return {
      language,
      line: markdown.slice(0, match.index).split('\n').length,
      others: text.split('\n').filter((line) => OTHERS.test(line)),
      reason: reason ?? (isReference ? REFERENCE : undefined),
      text,
    }
  })
}

export function isOfCommands({language, text}: Block): boolean {
  return SHELL.has(language) && text.split('\n').some((line) => language !== '' || OURS.test(line) || OTHERS.test(line))
}

/** Its lines that are commands of ours, without those that show a usage only. */
export function commandsIn({text}: Block): Line[] {
  return text
    .split('\n')
    .filter((line) => OURS.test(line) && !/\[flags\]|\|fish$| plugins /.test(line))
    .map((line) => ({text: line, words: wordsOf(line).slice(1)}))
}

/** As a shell splits them: quotes, and a comment at the end. */
function wordsOf(line: string): string[] {
  const words: string[] = []
  for (const [, double, single, plain = ''] of line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)) {
    if (double === undefined && single === undefined && plain.startsWith('#')) break
    if (plain === '|') break
    words.push(double ?? single ?? plain)
  }

  return words
}
