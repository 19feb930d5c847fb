/** The server says no: an HTTP status and the words of the real server. Over gRPC it is `grpcCode`, UNKNOWN unless given. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly grpcCode = 2,
  ) {
    super(message)
    this.name = 'Refusal'
  }

  /** The same refusal with more context in front of its message. */
  within(prefix: string, status = this.status): Refusal {
    return new Refusal(status, `${prefix}${this.message}`, this.grpcCode)
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
