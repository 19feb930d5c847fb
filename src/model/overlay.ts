const BELOW = new WeakMap<object, object>()

/** What one stands on, a store as a rule; undefined: it is none of `overlay`. */
export function belowOf<Below extends object>(over: Below): Below | undefined {
  return BELOW.get(over) as Below | undefined
}

/** What does some things in its own way, and the rest as what is below it: whatever that is, a class too, stays itself. */
export function overlay<Below extends object, Own extends object>(below: Below, own: Own): Below & Own {
  // Not a proxy of what is below itself: of one that is frozen it would have to give every member as it stands.
  const over = new Proxy(Object.create(below) as Below, {
    get(_, key) {
      const from = Object.hasOwn(own, key) ? own : below
      const value: unknown = Reflect.get(from, key, from)
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(from) : value
    },
    has: (_, key) => Object.hasOwn(own, key) || Reflect.has(below, key),
  }) as Below & Own
  BELOW.set(over, below)
  return over
}
