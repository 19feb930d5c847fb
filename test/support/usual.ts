/** What tests change that is read by more than the test: files that share a process each begin with what is usual. */
import process from 'node:process'

import {SCRYPT} from '../../src/archive/encrypted/key-file.js'
import {POLL} from '../../src/jobs/backup/server-export.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {GRACE, SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'
import {SMALLEST_ITEM} from '../../src/jobs/restore/divide.js'
import {LONGEST_CALL} from '../../src/jobs/restore/item-safety.js'
import {WORTH} from '../../src/jobs/workers/thread.js'
import {CLOCK} from '../../src/store/clock.js'
import {LEASE} from '../../src/store/lease.js'
import {PART} from '../../src/store/objects/writer.js'
import {TOLD_AFTER} from '../../src/store/waiting.js'
import {CHANGED_BACK} from '../../src/weaviate/rest/tenants.js'
import {LIMITS} from './s3-routes.js'

const SETTINGS: object[] = [
  CHANGED_BACK,
  CLOCK,
  FLUSH_EVERY,
  GRACE,
  LEASE,
  LIMITS,
  LONGEST_CALL,
  PART,
  POLL,
  SAVE_EVERY,
  SCRYPT,
  SMALLEST_ITEM,
  TOLD_AFTER,
  WORTH,
]
const USUAL = SETTINGS.map((settings) => ({...settings}))
const ENVIRONMENT = {...process.env}
/** Vitest's own, which it sets for each file. */
const isOfVitest = (name: string): boolean => name.startsWith('VITEST')

export function putBackWhatIsUsual(): void {
  for (const [index, settings] of SETTINGS.entries()) Object.assign(settings, USUAL[index])
  for (const name of new Set([...Object.keys(ENVIRONMENT), ...Object.keys(process.env)])) {
    if (isOfVitest(name) || process.env[name] === ENVIRONMENT[name]) continue
    if (ENVIRONMENT[name] === undefined) Reflect.deleteProperty(process.env, name)
    else process.env[name] = ENVIRONMENT[name]
  }
}
