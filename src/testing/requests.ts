import {setTimeout as sleep} from 'node:timers/promises'

import type {Fault, RequestInfo, Settings} from './options.js'

/** Counts requests and asks the owner of the server what is to go wrong with each. */
export class Requests {
  private ordinal = 0

  constructor(private readonly settings: Settings) {}

  async arrive(request: Omit<RequestInfo, 'ordinal'>): Promise<Fault | undefined> {
    const ordinal = ++this.ordinal
    if (this.settings.latency > 0) await sleep(this.settings.latency)
    const fault = await this.settings.onRequest({...request, ordinal})
    return fault ?? undefined
  }
}
