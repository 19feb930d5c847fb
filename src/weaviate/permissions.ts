/** What these credentials may list: with RBAC, a server leaves out of a listing what they may not read, and says nothing. */
import type {HttpClient} from './rest/http.js'

import {DataOpsError, insteadOf} from '../model/errors.js'
import {permissionsIn} from './rest/shape.js'

/**
 * For an empty listing: whether it is empty because nothing may be seen.
 * @throws DataOpsError NOT_ALLOWED when no role of these credentials has the permission.
 */
export async function requirePermission(http: HttpClient, action: string, permission: string): Promise<void> {
  const asked = http.json<unknown>({action: 'read the own roles', method: 'GET', path: '/v1/users/own-info'})
  // Without RBAC, without credentials, or before 1.28, there is nothing to ask.
  const info = await asked.catch(insteadOf(undefined, (error) => error instanceof DataOpsError && !error.retryable))
  if (!info) return
  const permissions = permissionsIn(info.value) ?? []
  if (permissions.includes(permission)) return
  if (permissions.length === 0 && !(await isDenied(http))) return
  throw new DataOpsError(
    'NOT_ALLOWED',
    `Cannot ${action}: these credentials do not have the permission ${permission}.`,
    {
      details: {permission},
      hint: `Ask for a role with ${permission}: without it the server shows none, as if there were none.`,
    },
  )
}

/** No roles are those of a server without RBAC, or of credentials that have none: these may not even ask for a collection that is not there. */
async function isDenied(http: HttpClient): Promise<boolean> {
  try {
    await http.json({action: 'look for a collection', method: 'GET', path: '/v1/schema/ElysiaDataOpsProbe'})
    return false
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.retryable) throw error
    return error.code === 'NOT_ALLOWED'
  }
}
