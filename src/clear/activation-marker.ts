import type {TenantStatus} from '../codec/document.js'
import type {Store} from '../store/store.js'
import type {WeaviateTenant} from '../weaviate/weaviate.js'

import {utf8} from '../codec/bytes.js'
import {fileStem} from '../store/layout.js'

/** Says which tenants a clear has activated, and what they were: a crash leaves them so, and the next run puts them back. */
export interface ActivationMarker {
  server: string
  tenants: WeaviateTenant[]
}

const MAX_MARKER_BYTES = 64 * 1024 * 1024
const STATUSES: ReadonlySet<string> = new Set<TenantStatus>(['COLD'])

export function activationMarkerName(collection: string): string {
  return `.activated-${fileStem(collection)}.json`
}

export async function writeActivationMarker(store: Store, collection: string, marker: ActivationMarker): Promise<void> {
  await store.writeAtomic(activationMarkerName(collection), utf8(JSON.stringify(marker)))
}

/** undefined when there is none, or none that can be trusted. */
export async function readActivationMarker(store: Store, collection: string): Promise<ActivationMarker | undefined> {
  const entry = await store.stat(activationMarkerName(collection))
  if (entry?.kind !== 'file' || entry.bytes > MAX_MARKER_BYTES) return undefined
  const reader = await store.openRead(activationMarkerName(collection))
  try {
    const {server, tenants} = JSON.parse(
      new TextDecoder().decode(await reader.read(0, reader.size)),
    ) as Partial<ActivationMarker>
    const isMarker =
      typeof server === 'string' &&
      Array.isArray(tenants) &&
      tenants.every((tenant) => typeof tenant?.name === 'string' && STATUSES.has(tenant.status))
    return isMarker ? {server, tenants} : undefined
  } catch {
    return undefined
  } finally {
    await reader.close()
  }
}

export async function removeActivationMarker(store: Store, collection: string): Promise<void> {
  await store.remove(activationMarkerName(collection))
}
