import {memoryStore} from '../support/memory-store.js'
import {storeSuite} from './suite.js'

storeSuite('A store in memory', async () => {
  const objects = new Map<string, {bytes: Buffer; modified: number; tag: string}>()
  return {async cleanUp() {}, reopen: () => memoryStore(objects), store: memoryStore(objects)}
})
