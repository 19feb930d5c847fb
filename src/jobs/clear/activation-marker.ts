import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'

import {markerName} from '../../archive/names.js'
import {forget} from '../../store/forget.js'
import {readMarker} from './marker.js'

/** As releases before 1.2 wrote it: which tenants a clear had activated, and what they were. A crash left them so, and the next run puts them back. */
export interface ActivationMarker {
  server: string
  tenants: WeaviateTenant[]
}

const MAX_MARKER_BYTES = 64 * 1024 * 1024

export function activationMarkerName(collection: string): string {
  return markerName('activated', collection, false)
}

/** undefined when there is none. @throws DataOpsError as `readMarker`. */
export async function readActivationMarker(store: Store, collection: string): Promise<ActivationMarker | undefined> {
  return readMarker<ActivationMarker>(store, activationMarkerName(collection), {
    maxBytes: MAX_MARKER_BYTES,
    read: (file) => ({
      server: file.member('server').text(),
      tenants: file
        .member('tenants')
        .listOf((tenant) => ({name: tenant.member('name').text(), status: tenant.member('status').exactly('COLD')})),
    }),
  })
}

export async function removeActivationMarker(store: Store, collection: string): Promise<void> {
  await forget(store, activationMarkerName(collection))
}
