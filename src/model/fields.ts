/** Reads values that came from a file, whoever has written it: each has the type that was asked for, or reading ends (docs/adr/0016-one-reader-of-files.md). */

/** What is wrong, and where: `seal.parts[0].rows is not a whole number`. */
export class MalformedError extends Error {
  constructor(
    readonly member: string,
    reason: string,
  ) {
    super(`${member} ${reason}`)
    this.name = 'MalformedError'
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|\+00:00)$/

/** One value, and the way to it. Members are looked up as own properties only. */
export class Field {
  constructor(
    readonly value: unknown,
    readonly path: string,
  ) {}

  get isPresent(): boolean {
    return this.value !== undefined
  }

  array(): Field[] {
    if (!Array.isArray(this.value)) this.fail('is not a list')
    return this.value.map((item, index) => new Field(item, `${this.path}[${index}]`))
  }

  boolean(): boolean {
    if (typeof this.value !== 'boolean') this.fail('is neither true nor false')
    return this.value
  }

  /** A whole number from 0 to 2^53 − 1. */
  count(): number {
    const {value} = this
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) this.fail('is not a whole number')
    return value
  }

  /** That very value. */
  exactly<T extends boolean | number | string>(value: T): T {
    if (this.value !== value) this.fail(`is not ${JSON.stringify(value)}`)
    return value
  }

  /** @throws MalformedError about this value. */
  fail(reason: string): never {
    throw new MalformedError(this.path, reason)
  }

  /** A list of values that `read` takes one by one. */
  listOf<T>(read: (item: Field) => T): T[] {
    return this.array().map((item) => read(item))
  }

  member(name: string): Field {
    return new Field(Object.hasOwn(this.object(), name) ? this.object()[name] : undefined, `${this.path}.${name}`)
  }

  object(): Record<string, unknown> {
    const {value} = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.fail('is not an object')
    return value as Record<string, unknown>
  }

  oneOf<T extends string>(values: readonly T[]): T {
    const found = values.find((value) => value === this.value)
    if (found === undefined) this.fail(`is none of ${values.join(', ')}`)
    return found
  }

  /** The members as they are, without one called `__proto__`, which is nobody's. */
  plainObject(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.object()).filter(([name]) => name !== '__proto__'))
  }

  /** Reads a value that may be absent. */
  optional<T>(read: (field: Field) => T): T | undefined {
    return this.isPresent ? read(this) : undefined
  }

  sha256(): string {
    const text = this.text()
    if (!/^[0-9a-f]{64}$/.test(text)) this.fail('is not 64 hexadecimal digits')
    return text
  }

  text(): string {
    if (typeof this.value !== 'string') this.fail('is not text')
    return this.value
  }

  /** RFC 3339 in UTC, as it stands. */
  time(): string {
    const text = this.text()
    if (!TIME.test(text) || Number.isNaN(Date.parse(text))) this.fail('is not a time in UTC')
    return text
  }

  uuid(): string {
    const text = this.text()
    if (!UUID.test(text)) this.fail('is not a UUID')
    return text
  }
}
