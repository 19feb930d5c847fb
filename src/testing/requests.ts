import type {Fault, RequestInfo, Settings} from './options.js'

/** Counts requests and asks the owner of the server what is to go wrong with each. */
export class Requests {
  private ordinal = 0

  constructor(private readonly settings: Settings) {}

  async arrive(request: Omit<RequestInfo, 'ordinal'>): Promise<Fault | undefined> {
    this.ordinal++
    const fault = await this.settings.onRequest({...request, ordinal: this.ordinal})
    return fault ?? undefined
  }
}
