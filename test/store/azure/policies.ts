/**
 * The permissions of docs/clouds/azure.md, against an Azurite that enforces them: each job with a shared access signature of exactly its
 * letters, and without each of them. `AZURE_STORAGE_CONNECTION_STRING=… node --import tsx test/store/azure/policies.ts`, with the key of the
 * account; ends with 1 where one does not hold.
 */
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobServiceClient,
  generateAccountSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import process from 'node:process'

import {setStoreDefaults} from '../../../src/store/open.js'
import {isAsDocumented, type PolicyJob, policyJobs, type PolicyKind} from '../policy-jobs.js'

const {AZURE_CONTAINER: container = 'policies', AZURE_STORAGE_CONNECTION_STRING: owner} = process.env
if (owner === undefined) {
  console.error('SKIPPED: no permission was tried. Name an account in AZURE_STORAGE_CONNECTION_STRING.')
  // eslint-disable-next-line unicorn/no-process-exit -- a program of its own
  process.exit(0)
}

/** Letters of a signature: read, list, write (with create), delete. `optional`: works without, as the page says. */
const NEEDS: Partial<Record<PolicyKind, {letters: string; optional: string}>> = {
  prune: {letters: 'rlwd', optional: ''},
  read: {letters: 'rl', optional: 'l'},
  remove: {letters: 'rlwd', optional: ''},
  write: {letters: 'rlwd', optional: 'd'},
}

const service = BlobServiceClient.fromConnectionString(owner)
const account = service.accountName
const key = /AccountKey=([^;]+)/.exec(owner)?.[1] ?? ''
await service.getContainerClient(container).createIfNotExists()
const {close, jobs, reset} = await policyJobs()

let broken = 0
try {
  for (const [index, job] of jobs.entries()) {
    const needs = NEEDS[job.kind]
    if (!needs) continue
    await tryJob(job, index, undefined)
    for (const letter of needs.letters) await tryJob(job, index, letter)
  }
} finally {
  await close()
}

// eslint-disable-next-line unicorn/no-process-exit -- a program of its own
process.exit(broken === 0 ? 0 : 1)

async function tryJob(job: PolicyJob, index: number, without: string | undefined): Promise<void> {
  const {letters = '', optional = ''} = NEEDS[job.kind] ?? {}
  const place = `az://${account}/${container}/${Date.now()}-${index}-${without ?? 'all'}`
  setStoreDefaults({azureConnectionString: owner})
  const id = await job.prepare(place)
  await reset()
  setStoreDefaults({azureConnectionString: signatureOf(letters.replace(without ?? '-', ''))})
  if (!(await isAsDocumented(job, {id, optional, place, without}))) broken++
}

function signatureOf(letters: string): string {
  const signature = generateAccountSASQueryParameters(
    {
      expiresOn: new Date(Date.now() + 3_600_000),
      permissions: AccountSASPermissions.parse(letters),
      protocol: SASProtocol.HttpsAndHttp,
      resourceTypes: AccountSASResourceTypes.parse('co').toString(),
      services: AccountSASServices.parse('b').toString(),
    },
    new StorageSharedKeyCredential(account, key),
  ).toString()
  return `BlobEndpoint=${service.url};SharedAccessSignature=${signature}`
}
