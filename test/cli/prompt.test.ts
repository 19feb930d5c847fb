import {PassThrough} from 'node:stream'
import {expect, it, onTestFinished, vi} from 'vitest'

import {askedPassphrase} from '../../src/cli/encryption.js'
import {ask, askSecret} from '../../src/cli/prompt.js'

// Commands install their listener before they ask: then a signal no longer ends the process by itself.
it.each([
  ['a question', ask],
  ['a passphrase', askSecret],
])('%s ends with a signal, though somebody else listens to it', async (_, asked) => {
  const input = new PassThrough()
  const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as unknown as typeof process.stdin)
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => {
    stdin.mockRestore()
    stderr.mockRestore()
  })
  const listeners = process.listenerCount('SIGHUP')
  const answer = asked('Passphrase: ')
  expect(process.listenerCount('SIGHUP')).toBe(listeners + 1)
  process.emit('SIGHUP', 'SIGHUP')
  await expect(answer).rejects.toMatchObject({
    code: 'INTERRUPTED',
    message: 'Stopped by SIGHUP; nothing was changed.',
  })
  expect(process.listenerCount('SIGHUP')).toBe(listeners)
  const again = asked('Passphrase: ')
  input.write('yes\n')
  await expect(again).resolves.toBe('yes')
})

it('a new passphrase is typed in twice, one that opens a backup once', async () => {
  const input = Object.assign(new PassThrough(), {isTTY: true})
  const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as unknown as typeof process.stdin)
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    if (String(text).endsWith(': ')) input.write(`${typed.shift()}\n`)
    return true
  })
  const before = process.stderr.isTTY
  process.stderr.isTTY = true
  onTestFinished(() => {
    stdin.mockRestore()
    stderr.mockRestore()
    process.stderr.isTTY = before
  })
  const question = {question: 'Passphrase: ', variable: 'ELYSIACTL_PASSPHRASE'}
  const typed = ['right', 'right', 'right', 'rigth', 'once']
  await expect(askedPassphrase(undefined, {...question, isNew: true})).resolves.toBe('right')
  await expect(askedPassphrase(undefined, {...question, isNew: true})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: 'The passphrase was another one the second time; nothing was written.',
  })
  await expect(askedPassphrase(undefined, {...question, isNew: false})).resolves.toBe('once')
  await expect(askedPassphrase('given', {...question, isNew: true})).resolves.toBe('given')
  expect(typed).toEqual([])
})
