import type {RestoreResult} from '../jobs/restore/options.js'

import {EXIT_CODES} from '../model/errors.js'
import {differsBeyondRefusals} from './results.js'
import {exitAtLeast} from './several.js'
import {comesFromLacking} from './unread.js'

/** Counts into the exit code what became of something that was restored or copied. */
export function countWritten(
  written: Pick<RestoreResult, 'dryRun' | 'rejected' | 'rejectedButKept' | 'verification' | 'warnings'>,
): void {
  if (written.rejected > 0) exitAtLeast(EXIT_CODES.OBJECTS_REFUSED)
  if (comesFromLacking(written)) exitAtLeast(EXIT_CODES.INCOMPLETE)
  if (differsBeyondRefusals(written)) exitAtLeast(EXIT_CODES.CONTENT_DIFFERS)
}
