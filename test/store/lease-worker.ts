/** Takes the lease of a folder, says so, and holds it until it is killed; says so too when it has lost it. argv: the folder, and how long the lease lasts. */
import {LEASE, Lease} from '../../src/store/lease.js'
import {LocalStore} from '../../src/store/local/store.js'

LEASE.ms = Number(process.argv[3] ?? LEASE.ms)
LEASE.renewMs = LEASE.ms / 6
const lease = await Lease.acquire(new LocalStore(process.argv[2] ?? ''), 'lease')
process.stdout.write('held\n')
const watch = setInterval(() => {
  lease.check().catch(() => {
    process.stdout.write('lost\n')
    clearInterval(watch)
  })
}, 50)
