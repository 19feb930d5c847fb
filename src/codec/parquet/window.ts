import type {ByteSource} from '../codec.js'

import {decodePageHeader, type PageHeader} from './internals.js'

/** Chunks up to this are read at once, larger ones in windows of this many bytes. */
const WINDOW_BYTES = 16 * 1024 * 1024

const HEADER_BYTES = 64 * 1024

const NOTHING: Uint8Array = new Uint8Array(0)

/** Reads a range of the source from its start to its end, a window at a time. What it returns are views of the window. */
export class WindowReader {
  private window = NOTHING
  private windowStart = 0
  /** The last page was longer than a window: those behind it will be, too. */
  private isOfLargePages = false
  /** Nothing else was read with what was given last: its memory is its reader's alone. */
  isAlone = false

  constructor(
    private readonly source: ByteSource,
    private at: number,
    private readonly end: number,
    private readonly windowBytes = WINDOW_BYTES,
  ) {
    if (!Number.isSafeInteger(at) || !(at >= 0 && at <= end && end <= source.size)) {
      throw new RangeError('a column lies outside the file')
    }
  }

  /** Where it goes on. */
  get position(): number {
    return this.at
  }

  private async reach(count: number): Promise<void> {
    if (this.at + count <= this.windowStart + this.window.length) return
    const end = Math.min(this.end, this.at + (this.isOfLargePages ? count : Math.max(count, this.windowBytes)))
    this.window = await this.source.read(this.at, end)
    if (this.window.length !== end - this.at) throw new RangeError('the file ends early')
    this.windowStart = this.at
  }

  async bytes(count: number): Promise<Uint8Array> {
    if (!(count >= 0 && count <= this.end - this.at)) throw new RangeError('a page is longer than its column')
    await this.reach(count)
    this.isOfLargePages = count > this.windowBytes
    const start = this.at - this.windowStart
    this.at += count
    const bytes = this.window.subarray(start, start + count)
    const isLast = start + count === this.window.length
    this.isAlone = isLast && start === 0
    // Nobody is to hold on to what is behind.
    if (isLast) {
      this.window = NOTHING
      this.windowStart = this.at
    }

    return bytes
  }

  async header(): Promise<PageHeader> {
    for (let reach = HEADER_BYTES; ; reach *= 16) {
      const count = Math.min(reach, this.end - this.at)
      if (count <= 0) throw new RangeError('a column ends early')
      await this.reach(count)
      try {
        const start = this.at - this.windowStart
        const {end, header} = decodePageHeader(this.window, start)
        this.at += end - start
        return header
      } catch (error) {
        // A header with long bounds in it may go on.
        if (count < reach || reach >= WINDOW_BYTES) throw error
      }
    }
  }
}
