/** Places that a command is given. */

/** What says how a place is opened. */
export interface PlaceFlags {
  mode?: number
  output?: string
  'unsafe-place'?: boolean
}

/** A place that was named, once it is checked; what opens it is set for this process. @throws DataOpsError INVALID_INPUT. */
export async function checkedPlace(
  place: string,
  {mode, 'unsafe-place': unsafePlace = false}: Omit<PlaceFlags, 'output'>,
): Promise<string> {
  const {isCloudPlace, parsePlace} = await import('../store/place.js')
  parsePlace(place)
  // The SDK of each cloud reads its own variables; only this one has to be handed on.
  const azureConnectionString = process.env.AZURE_STORAGE_CONNECTION_STRING
  if (isCloudPlace(place) || mode !== undefined) {
    const {setStoreDefaults} = await import('../store/open.js')
    setStoreDefaults({azureConnectionString, mode, unsafePlace})
  }

  return place
}

/**
 * Whether the place of the backups is there; undefined, as nobody named it, means a folder that the first backup makes. An empty place of a
 * cloud is one all the same: what is wrong with its bucket says who looks into it.
 * @param place folder or URL
 * @param from who named it
 * @throws DataOpsError INVALID_INPUT where a folder was named that is not there: nobody can say what it holds.
 */
export async function isPlaceThere(place: string, from: string | undefined): Promise<boolean> {
  const {parsePlace} = await import('../store/place.js')
  const parsed = parsePlace(place)
  if (parsed.kind !== 'file') return true
  const {stat} = await import('node:fs/promises')
  try {
    await stat(parsed.path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return true
  }

  if (from === undefined) return false
  const {DataOpsError} = await import('../model/errors.js')
  throw new DataOpsError('INVALID_INPUT', `There is no folder ${place}: what backups there are is not known.`, {
    details: {path: place},
    hint: `Check its name, which came from ${from}, and whether what holds it is mounted. The first backup makes a new one.`,
  })
}

/** @throws DataOpsError INVALID_INPUT where a file stands in the place of a folder of this machine, or of one that it lies in. */
export async function checkFolder(place: string, what: string, flag: string): Promise<void> {
  const {parsePlace} = await import('../store/place.js')
  const parsed = parsePlace(place)
  if (parsed.kind !== 'file') return
  const {stat} = await import('node:fs/promises')
  try {
    if ((await stat(parsed.path)).isDirectory()) return
  } catch (error) {
    // One that is not there is made; what else is wrong with it says who looks into it.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') return
  }

  const {DataOpsError} = await import('../model/errors.js')
  throw new DataOpsError('INVALID_INPUT', `${what} cannot lie in ${place}: it is a file, or lies below one.`, {
    details: {path: place},
    hint: `Name a folder with --${flag}; one that is not there is made.`,
  })
}
