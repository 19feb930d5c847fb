import {Buffer} from 'node:buffer'

/**
 * The generated code decodes a `google.protobuf.Struct` into a plain object by assignment, which swallows a member called
 * `__proto__`; the real server keeps it. So that name is hidden before decoding, under one of the same length, and shown after.
 */
const NAME = '__proto__'
const STAND_IN = '\u{1}\u{2}proto\u{2}\u{1}'

/** A Struct's map entry starts with its key: field 1, its length, the text; the value's tag (field 2) follows. */
const entryKey = (name: string): Buffer =>
  Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name), Buffer.from([0x12])])
const KEY = entryKey(NAME)
const HIDDEN_KEY = entryKey(STAND_IN)

/** The same message with every `__proto__` key of a Struct hidden. Copied only when there is one. */
export function hidePrototypeKeys(message: Buffer): Buffer {
  let at = message.indexOf(KEY)
  if (at === -1) return message
  const hidden = Buffer.from(message)
  for (; at !== -1; at = message.indexOf(KEY, at + KEY.length)) HIDDEN_KEY.copy(hidden, at)
  return hidden
}

/** The name that a decoded member has on the wire. */
export function shownKey(name: string): string {
  return name === STAND_IN ? NAME : name
}
