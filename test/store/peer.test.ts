import {expect, it} from 'vitest'

import {installCommand, loadPeer} from '../../src/store/peer.js'

const name = '@aws-sdk/client-s3'
const own = 'node_modules/@elysia/data-ops/dist/chunk.js'

it.each([
  ['a project', `/p/${own}`, ['/p/package.json'], `npm install --prefix /p ${name}`],
  ['a path with spaces', `/a b/${own}`, ['/a b/package.json'], `npm install --prefix '/a b' ${name}`],
  [
    'a path that a shell would read',
    `/a $b's/${own}`,
    ["/a $b's/package.json"],
    String.raw`npm install --prefix '/a $b'\''s' ${name}`,
  ],
  [
    'a path with spaces on Windows',
    String.raw`C:\a b\node_modules\@elysia\data-ops\dist\chunk.js`,
    [String.raw`C:\a b\package.json`],
    String.raw`npm install --prefix "C:\a b" ${name}`,
  ],
  ['a global install', `/usr/local/lib/${own}`, [], `npm install --global --prefix /usr/local ${name}`],
  [
    'a global install on Windows',
    String.raw`C:\npm\node_modules\@elysia\data-ops\dist\chunk.js`,
    [],
    String.raw`npm install --global --prefix C:\npm ${name}`,
  ],
  [
    "a host's plugin folder",
    `/home/u/.local/share/elysiactl/${own}`,
    ['/home/u/.local/share/elysiactl/package.json'],
    `npm install --prefix /home/u/.local/share/elysiactl ${name}`,
  ],
  ['pnpm', `/p/node_modules/.pnpm/x/${own}`, ['/p/package.json'], `pnpm add --dir /p ${name}`],
  [
    'a checkout',
    '/src/data-ops/dist/chunk.js',
    ['/src/data-ops/package.json'],
    `npm install --prefix /src/data-ops ${name}`,
  ],
])('the command for %s', (_, file, there, command) => {
  expect(installCommand(name, file, (path) => there.includes(path))).toBe(command)
})

it('a package that is missing is one sentence with the command; one that is broken is not called missing', async () => {
  const missing = Object.assign(new Error("Cannot find package 'not-here' imported from x"), {
    code: 'ERR_MODULE_NOT_FOUND',
  })
  const load = async (): Promise<never> => {
    throw missing
  }

  await expect(loadPeer('Backups at x://', 'not-here', load)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    exitCode: 2,
    hint: expect.stringMatching(/^Install it: npm install --prefix \S+ not-here$/) as string,
    message: 'Backups at x:// need the package not-here, which is not installed.',
  })
  await expect(loadPeer('Backups at x://', 'other', load)).rejects.toMatchObject({code: 'UNEXPECTED'})
})
