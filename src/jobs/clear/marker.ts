import type {Store} from '../../store/store.js'

/**
 * What a small JSON file, left for the next run in case this one is killed, says; undefined when there is none, or none that `check` trusts.
 * `maxBytes`: a larger file is none of ours.
 */
export async function readMarker<Marker>(
  store: Store,
  name: string,
  {check, maxBytes}: {check: (value: Partial<Marker>) => Marker | undefined; maxBytes: number},
): Promise<Marker | undefined> {
  const entry = await store.stat(name)
  if (entry?.kind !== 'file' || entry.bytes > maxBytes) return undefined
  const reader = await store.openRead(name)
  try {
    return check(JSON.parse(new TextDecoder().decode(await reader.read(0, reader.size))) as Partial<Marker>)
  } catch {
    return undefined
  } finally {
    await reader.close()
  }
}
