import type {Patience} from '../../../src/store/objects/calls.js'

import {connectS3} from '../../../src/store/s3/client.js'
import {cloudPlace, type CloudUnderTest} from '../support.js'

export {withEnvironment} from '../support.js'

/** Fails fast. */
export const IMPATIENT: Patience = {attempts: 6, callMs: 400, callMsPerByte: 1 / 20_000, maxPauseMs: 20, pauseMs: 2}

/** A prefix of its own in a bucket that the environment leads to. */
export function s3Place(bucket: string, options: {isUnsafe?: boolean; patience?: Patience} = {}): CloudUnderTest {
  return cloudPlace(`s3://${bucket}`, async () => connectS3(bucket), options)
}
