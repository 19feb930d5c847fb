/** What happens when nobody takes our output any more. */

let isGuarded = false

/**
 * A reader of progress that leaves, or a terminal that is closed, does not end the job; a result that cannot be written is said, with
 * exit code 1. Replaces oclif's own listener, which throws whatever is no EPIPE.
 */
export function guardStreams(): void {
  if (isGuarded) return
  isGuarded = true
  process.stderr.on('error', () => {})
  process.stdout.removeAllListeners('error')
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.stderr.write(
      `Error: The output could not be written (${error.code ?? error.message}).\nWhat the command did stands; send its output to where there is room.\n`,
    )
    if (process.exitCode === undefined || process.exitCode === 0) process.exitCode = 1
  })
}
