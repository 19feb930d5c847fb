/** Takes the lock of a folder, says so, and holds it until it is killed. */
import {LocalStore} from '../../src/store/local/store.js'
import {StoreLock} from '../../src/store/lock.js'

const lock = await StoreLock.acquire(new LocalStore(process.argv[2] ?? ''), 'lock')
process.stdout.write('held\n')
setInterval(() => {
  lock.check().catch((error: unknown) => {
    throw error
  })
}, 1000)
