import type {DataOpsError} from '../../model/errors.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {Finding} from './finding.js'

import {examinePlace, type PlaceOptions} from './place.js'
import {examineServer, failure} from './server.js'

/** What is looked at. */
export interface DoctorOptions extends Partial<PlaceOptions> {
  /** Or why there is none. */
  connection: Connection | DataOpsError
  signal?: AbortSignal
  /** Where backups are to lie. */
  store: Store
}

/**
 * Looks at all that jobs depend on. What is amiss is a finding with its mend, never an error.
 * @throws DataOpsError INTERRUPTED.
 */
export async function examine({connection, store, ...options}: DoctorOptions): Promise<Finding[]> {
  const how = {now: Date.now, ...options}
  const ofServer =
    connection instanceof Error ? [failure('connection', connection)] : await examineServer(connection, how)
  return [...ofServer, ...(await examinePlace(store, how))]
}
