/** The page of `backup report` in a real browser: `npm run test:report`, which names one in CHROMIUM. */
import {execFile} from 'node:child_process'
import {mkdir, readFile} from 'node:fs/promises'
import {createRequire} from 'node:module'
import path from 'node:path'
import process from 'node:process'
import {pathToFileURL} from 'node:url'
import {promisify} from 'node:util'
import puppeteer, {type Browser, type Page} from 'puppeteer-core'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {BackupManager} from '../../src/jobs/backup/manager.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {makeFilms} from '../support/report-sample.js'
import {cli, root, temporaryFolder} from './run-cli.js'

const {CHROMIUM, SCREENSHOTS = path.join(root, '.tmp', 'screenshots')} = process.env
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const WIDTHS = [400, 1400]
const SCHEMES = ['light', 'dark']
const OBJECTS = 200_000
const DIMS = 128

describe.skipIf(CHROMIUM === undefined)('the page in a browser (npm run test:report)', () => {
  let browser: Browser
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let html: string

  beforeAll(async () => {
    folder = await temporaryFolder()
    await mkdir(SCREENSHOTS, {recursive: true})
    html = path.join(folder.path, 'film.html')
    const server = await startTestServer()
    await makeFilms(server.connection, 3000)
    await new BackupManager(server.connection, {directory: folder.path}).backupCollection('Film')
    await server.close()
    expect(
      await cli(['backup', 'report', 'latest', '-o', folder.path, '--html', html, '--colour-by', 'genre']),
    ).toMatchObject({code: 0})
    browser = await puppeteer.launch({args: ['--no-sandbox'], executablePath: CHROMIUM})
  }, 120_000)
  afterAll(async () => {
    await browser.close()
    await folder.remove()
  })

  async function open(width: number, scheme: string): Promise<{asked: string[]; page: Page}> {
    const page = await browser.newPage()
    const asked: string[] = []
    page.on('request', (request) => {
      asked.push(request.url())
    })
    await page.setViewport({height: 900, width})
    await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}])
    await page.goto(pathToFileURL(html).href)
    return {asked, page}
  }

  it.each(WIDTHS.flatMap((width) => SCHEMES.map((scheme) => [width, scheme] as const)))(
    'at %d pixels, %s: nothing is loaded, nothing sticks out, and axe finds nothing',
    async (width, scheme) => {
      const {asked, page} = await open(width, scheme)
      expect(asked).toEqual([pathToFileURL(html).href])
      const screenshot = path.join(SCREENSHOTS, `report-${width}-${scheme}.png`)
      await page.screenshot({fullPage: true, path: screenshot})
      const widest = await page.evaluate('document.documentElement.scrollWidth')
      expect(widest).toBe(width)
      // Closed details are looked at too.
      await page.evaluate('for (const each of document.querySelectorAll("details")) each.open = true')
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      // The page forbids scripts; axe comes in by the debugger's door.
      await page.setBypassCSP(true)
      await page.reload()
      await page.evaluate('for (const each of document.querySelectorAll("details")) each.open = true')
      await page.addScriptTag({path: axe})
      const found = (await page.evaluate('axe.run()')) as {
        passes: unknown[]
        violations: Array<{id: string; nodes: Array<{html: string}>}>
      }
      expect(found.violations.map(({id, nodes}) => `${id}: ${nodes[0]?.html}`)).toEqual([])
      expect(found.passes.length).toBeGreaterThan(15)
      await page.close()
    },
  )

  it('is pictured for README', async () => {
    const {page} = await open(1200, 'light')
    await page.setViewport({height: 1560, width: 1100})
    const file = path.join(SCREENSHOTS, 'readme.png')
    await page.screenshot({path: file})
    const dark = await open(400, 'dark')
    await dark.page.setViewport({height: 1200, width: 400})
    await dark.page.screenshot({path: path.join(SCREENSHOTS, 'phone.png')})
    await dark.page.close()
    await page.close()
  })

  it('shows the map as it is coloured by the choice, by the keyboard too', async () => {
    const {page} = await open(1400, 'light')
    const shown = async () =>
      page.evaluate(
        '[...document.querySelectorAll(".view")].filter((each) => each.checkVisibility()).map((each) => each.id)',
      )
    expect(await shown()).toEqual(['view-0'])
    await page.click('#by-1')
    expect(await shown()).toEqual(['view-1'])
    await page.focus('#by-1')
    await page.keyboard.press('ArrowRight')
    expect(await shown()).toEqual(['view-2'])
    await page.close()
  })
})

describe.skipIf(CHROMIUM === undefined)('a backup of 200,000 objects (npm run test:report)', () => {
  let server: TestServer
  let folder: Awaited<ReturnType<typeof temporaryFolder>>

  beforeAll(async () => {
    folder = await temporaryFolder()
    server = await startTestServer()
    await makeCollection(server.connection, 'Large', OBJECTS, DIMS)
  }, 600_000)
  afterAll(async () => {
    await server.close()
    await folder.remove()
  })

  it.each(['json', 'parquet', 'arrow'] as const)(
    'is reported in less than 350 MB, from %s',
    async (format) => {
      const directory = path.join(folder.path, format)
      await new BackupManager(server.connection, {directory}).backupCollection('Large', {format})
      const file = path.join(folder.path, 'peak')
      const html = path.join(directory, 'large.html')
      const argv = ['--import', './bench/tell-peak.mjs', 'bin/run.js', 'backup', 'report', 'latest', '-o', directory]
      const {stdout} = await promisify(execFile)(process.execPath, [...argv, '--html', html, '--json'], {
        cwd: root,
        env: {...process.env, ELYSIA_PEAK_FILE: file},
        maxBuffer: 2 ** 28,
      })
      expect(JSON.parse(stdout)).toMatchObject({objects: OBJECTS})
      const peak = Number(await readFile(file, 'utf8'))
      process.stdout.write(`${format}: ${OBJECTS} objects, ${DIMS} dimensions: ${Math.round(peak / 1e6)} MB at most\n`)
      expect(peak).toBeLessThan(350e6)
    },
    300_000,
  )
})
