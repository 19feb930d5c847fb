/** Checkpoints that are saved at each change, and runs that wait for nothing that an earlier one has sent. */
import {afterEach, beforeEach} from 'vitest'

import {GRACE, SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'

/** Called where tests are declared. */
export function hastyCheckpoints(): void {
  const settings = {grace: {...GRACE}, save: {...SAVE_EVERY}}
  beforeEach(() => {
    Object.assign(SAVE_EVERY, {ms: 0})
    Object.assign(GRACE, {ms: 20})
  })
  afterEach(() => {
    Object.assign(SAVE_EVERY, settings.save)
    Object.assign(GRACE, settings.grace)
  })
}
