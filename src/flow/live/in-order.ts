/** Work on some of many items at the same time; results come in the order of the items. */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const running: Array<Promise<R>> = []
  try {
    for (const item of items) {
      const one = work(item)
      // Whoever waits for it sees it fail.
      one.catch(() => undefined)
      running.push(one)
      if (running.length >= atOnce) yield await running.shift()!
    }

    while (running.length > 0) yield await running.shift()!
  } finally {
    await Promise.allSettled(running)
  }
}
