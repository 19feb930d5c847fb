import type {Store} from './store.js'

const BELOW = new WeakMap<Store, Store>()

/** The store that one stands on; undefined: it is none of `overlay`. */
export function belowOf(store: Store): Store | undefined {
  return BELOW.get(store)
}

/** A store that does some things in another way, and the rest as the one below it. */
export function overlay<Own extends object>(store: Store, own: Own): Own & Store {
  const over = new Proxy(store, {
    get(target, key) {
      const from = Object.hasOwn(own, key) ? own : target
      const value: unknown = Reflect.get(from, key, from)
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(from) : value
    },
    has: (target, key) => Object.hasOwn(own, key) || Reflect.has(target, key),
  }) as Own & Store
  BELOW.set(over, store)
  return over
}
