import type {Store} from './store.js'

/** A store that does some things in another way, and the rest as the one below it. */
export function overlay<Own extends object>(store: Store, own: Own): Own & Store {
  return new Proxy(store, {
    get(target, key) {
      const from = Object.hasOwn(own, key) ? own : target
      const value: unknown = Reflect.get(from, key, from)
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(from) : value
    },
    has: (target, key) => Object.hasOwn(own, key) || Reflect.has(target, key),
  }) as Own & Store
}
