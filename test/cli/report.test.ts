/** `backup report`: what it says, and a page that holds all of it and needs nothing else. */
import {readFile, stat, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {BackupManager} from '../../src/jobs/backup/manager.js'
import {startTestServer, type TestServer} from '../support/collections.js'
import {HOSTILE, makeFilms} from '../support/report-sample.js'
import {cli, temporaryFolder} from './run-cli.js'

const FILMS = 120

let server: TestServer
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  server = await startTestServer()
  folder = await temporaryFolder()
  await makeFilms(server.connection, FILMS)
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

async function report(place: string, ...flags: string[]) {
  return cli(['backup', 'report', 'Film@latest', '-o', place, ...flags])
}

describe.each(['json', 'parquet', 'arrow'] as const)('of %s', (format) => {
  it('counts what is there, missing and different, and verifies it on the way', async () => {
    const directory = path.join(folder.path, format)
    const {id} = await new BackupManager(server.connection, {directory}).backupCollection('Film', {format})
    const {code, json, stderr} = await report(directory, '--json')
    expect(code, stderr).toBe(0)
    const found = json() as unknown as {
      map: {colourings: Array<{by: string; of: number[]}>; points: unknown[]}
      properties: Array<Record<string, unknown> & {missing: number; name: string; present: number}>
    }
    expect(found).toMatchObject({
      backupId: id,
      objects: FILMS,
      vectors: [
        {count: FILMS, dimensions: [32], name: 'plot', nonFinite: 0},
        {count: FILMS / 2, dimensions: [2], name: 'poster'},
      ],
    })
    const byName = new Map(found.properties.map((property) => [property.name, property]))
    expect(byName.get('title')).toMatchObject({distinct: {estimated: false, value: FILMS}, missing: 0})
    expect(byName.get('never')).toMatchObject({distinct: {value: 0}, missing: FILMS, present: 0})
    expect(byName.get('colour')?.top).toHaveLength(2)
    for (const {missing, present} of found.properties) expect(missing + present).toBe(FILMS)
    expect(found.map.points).toHaveLength(FILMS)
    expect(found.map.colourings[0]).toMatchObject({by: 'tenant'})
    for (const {of} of found.map.colourings) expect(of).toHaveLength(FILMS)
  })
})

describe('the page', () => {
  it('stands alone: no script, nothing loaded, and values are text', async () => {
    const html = path.join(folder.path, 'film.html')
    const {code, stdout} = await report(path.join(folder.path, 'json'), '--html', html, '--colour-by', 'minutes')
    expect(code).toBe(0)
    expect(stdout).toContain(`The page is in ${html}`)
    expect(stdout).toMatch(/^rating +number +\d+ +\d+ +\d+ +-?[\d.]+ to [\d.]+$/m)
    const page = await readFile(html, 'utf8')
    expect(page).not.toMatch(
      /<(?:script|link|img|iframe|object)|<[^>]*\s(?:src|(?:xlink:)?href|on\w+)=|url\((?!#)|@import/i,
    )
    expect(page).toContain('&#60;img src=x onerror=&#34;document.title')
    expect(page).not.toContain(HOSTILE)
    expect(page).not.toMatch(/undefined|NaN|\[object|ecmeta/)
    // The one that most objects have is mapped.
    expect(page).toContain('vectors called plot, a sample')
    expect(page).toContain('<span>in no object</span>')
    expect(page.match(/<input type="radio"[^>]* checked>/g)).toHaveLength(1)
    expect(page).toMatch(/ checked> minutes<\/label>/)
    for (const name of ['title', 'genre', 'languages', 'minutes', 'rating', 'colour', 'released', 'madeIn', 'never'])
      expect(page).toContain(`<h3>${name} `)
    expect((await stat(html)).mode & 0o777).toBe(0o600)
    expect(page.length).toBeLessThan(2_000_000)
  })

  it('is not written of what is damaged, nor coloured by what is not there', async () => {
    const html = path.join(folder.path, 'damaged.html')
    const wrong = await report(path.join(folder.path, 'json'), '--colour-by', 'no')
    expect(wrong).toMatchObject({code: 2})
    expect(wrong.stderr).toMatch(/^Error: "Film" has no property "no"\.\nThere are title, genre/)
    const nowhere = await report(path.join(folder.path, 'json'), '--html', path.join(folder.path, 'no', 'page.html'))
    expect(nowhere).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('page.html: there is no folder ') as string,
    })
    const directory = path.join(folder.path, 'arrow')
    const shown = (await cli(['backup', 'show', 'Film@latest', '-o', directory, '--json'])).json() as {
      parts: Array<{file: string}>
      path: string
    }
    const part = path.join(shown.path, shown.parts[0]!.file)
    const bytes = await readFile(part)
    const middle = bytes.length >> 1
    bytes[middle] = (bytes[middle] ?? 0) ^ 1
    await writeFile(part, bytes)
    expect(await report(directory, '--html', html)).toMatchObject({code: 4, stdout: ''})
    await expect(stat(html)).rejects.toThrow('ENOENT')
  })
})
