/** What came of an item. */
export interface Finished<T, R> {
  /** That the result holds. */
  bytes: number
  /** What of the item is still to be done. */
  rest?: T
  result: R
}

export interface InOrderOptions<T> {
  /** Items at the same time at most. */
  atOnce: number
  /** Bytes of items under way, and of results that wait for their turn, at most; one item may have more. */
  bytes: number
  /** Bytes that an item is thought to bring; undefined: nothing is known, and it is worked on alone. */
  weigh: (item: T) => number | undefined
}

/** Work on some of many items at the same time; results come in the order of the items. */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  {atOnce, bytes: most, weigh}: InOrderOptions<T>,
  work: (item: T) => Promise<Finished<T, R>>,
): AsyncGenerator<R, void, undefined> {
  const running: Array<{bytes: number; finished: Promise<Finished<T, R>>}> = []
  const begin = (item: T): (typeof running)[number] => {
    const one = {
      bytes: weigh(item) ?? most,
      finished: work(item).then((finished) => {
        one.bytes = finished.bytes
        return finished
      }),
    }
    // Whoever waits for it sees it fail.
    one.finished.catch(() => undefined)
    return one
  }

  const next = async (): Promise<R> => {
    const {rest, result} = await running[0]!.finished
    running.shift()
    if (rest !== undefined) running.unshift(begin(rest))
    return result
  }

  const isFull = (item: T): boolean => {
    const held = running.reduce((sum, {bytes}) => sum + bytes, 0)
    return running.length > 0 && (running.length >= atOnce || held + (weigh(item) ?? most) > most)
  }

  try {
    for (const item of items) {
      while (isFull(item)) yield await next()
      running.push(begin(item))
    }

    while (running.length > 0) yield await next()
  } finally {
    await Promise.allSettled(running.map(async ({finished}) => finished))
  }
}
