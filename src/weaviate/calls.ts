import type {ServerCall} from './connection.js'

import {DataOpsError} from '../model/errors.js'

/** Makes a call, and tells of it once it is over. */
export async function told<T>(
  onCall: ((call: ServerCall) => void) | undefined,
  what: Pick<ServerCall, 'action' | 'transport'>,
  call: () => Promise<{bytes?: number; reply: T}>,
): Promise<T> {
  if (!onCall) return (await call()).reply
  const began = performance.now()
  try {
    const {bytes, reply} = await call()
    onCall({...what, ...(bytes !== undefined && {bytes}), ms: performance.now() - began, outcome: 'ok'})
    return reply
  } catch (error) {
    const outcome = error instanceof DataOpsError ? error.code : 'UNEXPECTED'
    onCall({...what, ms: performance.now() - began, outcome})
    throw error
  }
}
