/** Those who wait for something to have changed; all look again when it has. */
export class Sleepers {
  #wakers: Array<() => void> = []

  async sleep(): Promise<void> {
    const {promise, resolve} = Promise.withResolvers<void>()
    this.#wakers.push(resolve)
    await promise
  }

  wake(): void {
    const wakers = this.#wakers
    this.#wakers = []
    for (const wake of wakers) wake()
  }
}
