/** A field of a GraphQL query, or what is asked of objects of one class (`... on Class {…}`). */
export interface Field {
  /** What its answer is called. */
  alias: string
  arguments: Record<string, Argument>
  /** Where it stands, from 1. */
  column: number
  fields: Field[]
  name: string
  /** The class of an inline fragment. */
  on?: string
}

/** Names (enums) come as text. */
export type Argument = Argument[] | boolean | null | number | string | {[name: string]: Argument}

/** In the words of a GraphQL answer. */
export class QueryError extends Error {
  constructor(
    message: string,
    readonly column = 1,
  ) {
    super(message)
  }
}

/** @throws QueryError for a field without any of what its type has. */
export function requireSelection({column, fields, name}: Field, type: string): void {
  if (fields.length === 0) throw new QueryError(`Field "${name}" of type "${type}" must have a sub selection.`, column)
}

const TOKEN =
  /[\s,\u{FEFF}]+|#[^\n]*|(\.\.\.|[!$():=@[\]{|}]|[_A-Za-z]\w*|-?\d+(?:\.\d+)?(?:[Ee][+-]?\d+)?|"(?:[^"\\\n]|\\.)*")/guy

interface Token {
  column: number
  text: string
}

/** The fields of a query without variables and named fragments. @throws QueryError. */
export function parseQuery(query: string): Field[] {
  return new Parser(tokensOf(query)).document()
}

function tokensOf(query: string): Token[] {
  const tokens: Token[] = []
  let end = 0
  for (const match of query.matchAll(TOKEN)) {
    end = match.index + match[0].length
    if (match[1] !== undefined) tokens.push({column: match.index + 1, text: match[1]})
  }

  if (end < query.length) throw syntaxError(`Unexpected character ${JSON.stringify(query[end])}.`, end + 1)
  return tokens
}

class Parser {
  private at = 0

  constructor(private readonly tokens: Token[]) {}

  private next(): string {
    return this.tokens[this.at]?.text ?? 'EOF'
  }

  private get column(): number {
    return this.tokens[this.at]?.column ?? 1
  }

  private take(text: string): void {
    if (this.next() !== text) throw syntaxError(`Expected ${text}, found ${this.next()}`, this.column)
    this.at++
  }

  private name(): string {
    const next = this.next()
    if (!/^[_A-Za-z]/.test(next) || next === 'EOF') throw syntaxError(`Expected Name, found ${next}`, this.column)
    this.at++
    return next
  }

  document(): Field[] {
    if (this.next() === 'query') {
      this.at++
      if (this.next() !== '{') this.name()
    }

    const fields = this.selections()
    if (this.at < this.tokens.length) throw syntaxError(`Unexpected ${this.next()}`, this.column)
    return fields
  }

  private selections(): Field[] {
    this.take('{')
    const fields: Field[] = []
    while (this.next() !== '}') fields.push(this.next() === '...' ? this.fragment() : this.field())
    this.take('}')
    return fields
  }

  private fragment(): Field {
    const {column} = this
    this.take('...')
    this.take('on')
    const on = this.name()
    return {alias: '', arguments: {}, column, fields: this.selections(), name: '', on}
  }

  private field(): Field {
    const {column} = this
    const first = this.name()
    const isAliased = this.next() === ':'
    if (isAliased) this.at++
    const name = isAliased ? this.name() : first
    const given = this.next() === '(' ? this.members('(', ')') : {}
    const fields = this.next() === '{' ? this.selections() : []
    return {alias: first, arguments: given, column, fields, name}
  }

  private members(open: string, close: string): Record<string, Argument> {
    this.take(open)
    const members: Array<[string, Argument]> = []
    while (this.next() !== close) {
      const name = this.name()
      this.take(':')
      members.push([name, this.value()])
    }

    this.take(close)
    return Object.fromEntries(members)
  }

  private value(): Argument {
    const next = this.next()
    if (next === '{') return this.members('{', '}')
    if (next === '[') return this.list()
    if (/^["\d-]/.test(next)) {
      this.at++
      return JSON.parse(next) as number | string
    }

    const name = this.name()
    const constants: Record<string, Argument> = {false: false, null: null, true: true}
    return Object.hasOwn(constants, name) ? constants[name]! : name
  }

  private list(): Argument[] {
    this.take('[')
    const items: Argument[] = []
    while (this.next() !== ']') items.push(this.value())
    this.take(']')
    return items
  }
}

function syntaxError(message: string, column: number): QueryError {
  return new QueryError(`Syntax Error GraphQL request (1:${column}) ${message}`, column)
}
