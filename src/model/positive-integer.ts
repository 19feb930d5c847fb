import {DataOpsError} from './errors.js'

/** @throws DataOpsError INVALID_INPUT. */
export function checkPositiveInteger(value: number | undefined, name: string): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
    throw new DataOpsError('INVALID_INPUT', `The ${name} must be a whole number above 0, not ${value}.`)
  }
}
