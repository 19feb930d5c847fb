/** Reads a backup that somebody else made, in a process with little memory. argv: path, and `restore` for a server's address. Prints one JSON line. */
import process from 'node:process'

import {peakBytes} from '../../bench/peak.mjs'
import {openArchive} from '../../src/catalog/locate.js'
import {connect, DataOpsError, LocalStore, RestoreManager, Verifier} from '../../src/index.js'

const [backup, url] = process.argv.slice(2) as [string, string | undefined]
const outcomes: Record<string, string> = {}

async function attempt(name: string, work: () => Promise<string>): Promise<void> {
  try {
    outcomes[name] = await work()
  } catch (error) {
    // Anything else ends the process, and the test.
    if (!(error instanceof DataOpsError)) throw error
    outcomes[name] = error.code
  }
}

await attempt('verify', async () => {
  const {problems} = await new Verifier().verifyBackup(backup)
  return problems.length > 0 ? 'problems' : 'good'
})
await attempt('read', async () => {
  const {archive} = await openArchive(backup, new LocalStore('.'), {acceptUnsealed: true})
  let objects = 0
  for await (const page of archive.pages()) objects += page.objects.length
  return `${objects} objects`
})
if (url !== undefined) {
  await attempt('restore', async () => {
    const connection = await connect({transport: 'rest', url})
    try {
      const {rejected, restored} = await new RestoreManager(connection).restoreCollection(backup, {
        acceptChanged: true,
        checkpointDirectory: `${backup}-checkpoint`,
        maxRetries: 0,
        restart: true,
      })
      return `${restored} restored, ${rejected} rejected`
    } finally {
      await connection.close()
    }
  })
}

process.stdout.write(`${JSON.stringify({outcomes, peakBytes: peakBytes()})}\n`)
