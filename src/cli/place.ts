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
