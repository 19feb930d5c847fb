/** The age program (`AGE`, or the one in the path) opens what we wrote, and we read what it wrote. Skipped where there is none. */
import {execFileSync, spawnSync} from 'node:child_process'
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupManager, Verifier} from '../../../src/index.js'
import {makeCollection, startTestServer, temporaryDirectory} from '../../support/collections.js'

const AGE = process.env.AGE ?? 'age'
const isThere = spawnSync(AGE, ['--version']).status === 0

describe.skipIf(!isThere)(`the age program${isThere ? '' : ' (not installed: skipped)'}`, () => {
  it('opens every file with two commands, and what it gives is a backup; a key that it wrote opens one', async () => {
    const server = await startTestServer()
    const directory = await temporaryDirectory()
    const keys = await newIdentity()
    const identityFile = path.join(directory.path, 'me.txt')
    const keyFile = path.join(directory.path, 'backup.key')
    await writeFile(identityFile, `${keys.identity}\n`, {mode: 0o600})
    await makeCollection(server.connection, 'StockAge', 200, 64)
    const place = {directory: path.join(directory.path, 'backups'), encryptTo: [keys.recipient]}
    for (const format of ['parquet', 'json'] as const) {
      const {path: folder} = await new BackupManager(server.connection, place).backupCollection('StockAge', {format})
      const files = (await readdir(folder)).filter((file) => file.endsWith('.age'))
      const key = files.find((file) => file.startsWith('key-'))!
      execFileSync(AGE, ['-d', '-i', identityFile, '-o', keyFile, path.join(folder, key)])
      const plain = path.join(directory.path, `plain-${format}`)
      const target = format === 'json' ? plain : path.join(plain, path.basename(folder))
      await mkdir(target, {recursive: true})
      for (const file of files) {
        if (file === key) continue
        const name = format === 'json' ? `${path.basename(folder)}.json` : file.slice(0, -'.age'.length)
        execFileSync(AGE, ['-d', '-i', keyFile, '-o', path.join(target, name), path.join(folder, file)])
      }

      const backup = format === 'json' ? path.join(plain, `${path.basename(folder)}.json`) : target
      expect(await new Verifier().verifyBackup(backup)).toMatchObject({objectCount: 200, problems: []})

      // Its own file of objects, encrypted by the program to the same key: as good as ours.
      const recipient = /public key: (age1\w+)/.exec(await readFile(keyFile, 'utf8'))![1]!
      const objects = files.find((file) => file.startsWith('objects'))!
      const text = format === 'json' ? backup : path.join(target, objects.slice(0, -'.age'.length))
      execFileSync(AGE, ['-r', recipient, '-o', path.join(folder, objects), text])
      const opened = new Verifier({directory: place.directory, identities: [keys.identity]})
      // Another nonce is another file: the cover says so, what is inside is what it was.
      const {problems} = await opened.verifyBackup(folder, {quick: true})
      expect(problems).toEqual([])
    }

    await server.connection.deleteCollection('StockAge')
    await server.close()
    await directory.remove()
  })
})
