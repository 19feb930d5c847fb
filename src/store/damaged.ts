import {DataOpsError, outOfMemory} from '../model/errors.js'

/** The error of a file that is not what was written. `where`: as people know it. */
export function damaged(
  where: string,
  reason: string,
  {cause, hint = 'Use another backup.'}: {cause?: unknown; hint?: string} = {},
): DataOpsError {
  return (
    outOfMemory(cause) ??
    new DataOpsError('BACKUP_DAMAGED', `${where} is damaged: ${reason}.`, {cause, details: {path: where}, hint})
  )
}

/** What such an error says of the file, without its name: for those who name it themselves. */
export function damageSaid(where: string, {message}: Error): string {
  const start = `${where} is damaged: `
  if (!message.startsWith(start)) return message
  const reason = message.slice(start.length)
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`
}

/** Whether an error of a store says that nothing of that name is there. */
export function isMissing(error: unknown): boolean {
  return error instanceof DataOpsError && error.code === 'NOT_A_BACKUP'
}

/** The error of what lies in a place and cannot be used as asked. */
export function refused(where: string, reason: string, hint?: string): DataOpsError {
  return new DataOpsError('STORAGE', `${where} ${reason}.`, {details: {path: where}, hint})
}

/** The error of who asks for bytes that a file does not have. */
export function endsTooEarly(
  where: string,
  {end, size, start}: {end: number; size: number; start: number},
): DataOpsError {
  return new DataOpsError('BACKUP_DAMAGED', `${where} ends too early: bytes ${start} to ${end} are not there.`, {
    details: {end, path: where, size, start},
    hint: 'The file was cut off or changed; use another backup.',
  })
}
