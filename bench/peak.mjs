/** How much memory a process took at most. JavaScript, so that a measured process needs no loader. */
import {readFileSync} from 'node:fs'
import process from 'node:process'

/**
 * The most resident memory that this process had, in bytes. Not `maxRSS` on Linux, which begins with what the process that started
 * this one had.
 */
export function peakBytes() {
  // resourceUsage counts in KiB, as the kernel does.
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kib) * 1024
}
