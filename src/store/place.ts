import {DataOpsError} from '../model/errors.js'

/** @throws DataOpsError INVALID_INPUT for a place of a kind that is not known: `s3://bucket` is no folder called `s3:`. */
export function checkPlace(place: string): void {
  const [, scheme] = /^([a-z][a-z\d+.-]+):\/\//i.exec(place) ?? []
  if (scheme === undefined || scheme === 'file') return
  throw new DataOpsError('INVALID_INPUT', `Backups cannot lie at ${scheme}://: that kind of place is not known.`, {
    details: {scheme},
    hint: 'Name a folder, or its file:// URL.',
  })
}
