/** The headers of each call, and one more try with others where the server does not accept them. */
import {isUnauthenticated} from './errors.js'

export type Headers = Record<string, string>

/**
 * Asked anew for each call, so that refreshed tokens are used.
 * `refused`: headers that the server has just not accepted. Resolves with others where there are any, else with the same again.
 */
export type HeaderSource = (refused?: Headers) => Promise<Headers>

/**
 * Makes a call with the headers of a source, and once more where the server does not accept them and the source has others: a token may be
 * revoked, or expire by the server's clock before it does by ours. A key that stays the same is sent once.
 *
 * Writes may be repeated as well: the server looks at credentials before it looks at what is asked, so a call that it refused
 * for them has done nothing.
 */
export async function withHeaders<T>(source: HeaderSource, call: (headers: Headers) => Promise<T>): Promise<T> {
  const headers = await source()
  try {
    return await call(headers)
  } catch (error) {
    if (!isUnauthenticated(error)) throw error
    const others = await source(headers)
    if (others.authorization === headers.authorization) throw error
    return call(others)
  }
}
