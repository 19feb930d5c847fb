/** How hard to try when the server cannot answer now. */
export interface RetryOptions {
  /** Attempts after the first; default 8. */
  maxRetries?: number
  /** Milliseconds between two attempts at most; default 30,000. */
  retryMaxWaitMs?: number
}

/** Protects a production cluster. */
export type RateLimit = {bytesPerSecond: number} | {objectsPerSecond: number}
