/** Work that is done once, for all who ask for it; what failed is done anew for the next. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return async () => {
    result ??= work()
    try {
      return await result
    } catch (error) {
      result = undefined
      throw error
    }
  }
}
