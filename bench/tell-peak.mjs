/** For `node --import`: a process that ends writes into the file ELYSIA_PEAK_FILE how many bytes it took at most. */
import {writeFileSync} from 'node:fs'
import process from 'node:process'
import {isMainThread} from 'node:worker_threads'

import {peakBytes} from './peak.mjs'

const file = process.env.ELYSIA_PEAK_FILE
if (isMainThread && file !== undefined) process.on('exit', () => writeFileSync(file, String(peakBytes())))
