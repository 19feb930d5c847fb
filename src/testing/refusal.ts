/** The server says no, in the words of the real one: by an HTTP status, 422 unless given; over gRPC by `grpcCode`, UNKNOWN unless given. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status = 422,
    readonly grpcCode = 2,
  ) {
    super(message)
    this.name = 'Refusal'
  }

  /** The same refusal with more context in front of its message. */
  within(prefix: string, status = this.status): Refusal {
    return new Refusal(`${prefix}${this.message}`, status, this.grpcCode)
  }
}

/** Runs `action`; a refusal in it gets `prefix` in front, and `status` where given. */
export function within<T>(prefix: string, action: () => T, status?: number): T {
  try {
    return action()
  } catch (error) {
    throw error instanceof Refusal ? error.within(prefix, status) : error
  }
}

/** What `action` gives, or the refusal that it ends in. */
export function orRefusal<T>(action: () => T): Refusal | T {
  try {
    return action()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}
