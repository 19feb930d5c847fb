import {existsSync, globSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {defineConfig} from 'vitepress'

import {slug} from './links.js'

const pages = path.resolve(import.meta.dirname, '../../.tmp/pages')

/** A page of the side bar, under the title that it has itself. */
function page(name: string) {
  const title = /^# (.+)$/m.exec(readFileSync(path.join(pages, `${name}.md`), 'utf8'))?.[1]
  return {link: `/${name}`, text: title ?? name}
}

const named = (...names: string[]) => names.map((name) => page(name))

/** All pages of a folder, by their names. */
const folder = (name: string) =>
  globSync(`${name}/*.md`, {cwd: pages})
    .toSorted()
    .map((file) => page(file.slice(0, -'.md'.length)))

export default defineConfig({
  base: '/',
  cacheDir: '../.tmp/vitepress',
  cleanUrls: false,
  description: 'Logical backup, restore, clear and verification of Weaviate collections',
  ignoreDeadLinks: false,
  markdown: {
    anchor: {slugify: slug},
    // Text in angle brackets is a placeholder in these pages, never HTML.
    html: false,
    linkify: false,
  },
  outDir: '../.tmp/site',
  srcDir: '../.tmp/pages',
  themeConfig: {
    outline: [2, 3],
    search: {provider: 'local'},
    sidebar: existsSync(pages)
      ? [
          {items: [{link: '/', text: 'Start'}, page('comparison')]},
          {items: folder('guides').filter(({link}) => link !== '/guides/index'), link: '/guides/', text: 'Guides'},
          {
            items: [
              ...named('kubernetes', 'clouds'),
              ...folder('clouds'),
              ...named('encryption', 'permissions', 'replicas'),
            ],
            text: 'Where it runs',
          },
          {items: named('cli', 'errors', 'json-output'), text: 'Terminal'},
          {items: [page('sdk'), {link: '/api/', text: 'SDK reference'}, page('testing')], text: 'Program'},
          {
            items: named('format', 'compatibility', 'reliability', 'performance', 'security'),
            text: 'What it holds',
          },
          {
            items: [page('architecture'), page('contributing'), page('changelog')],
            text: 'How it is made',
          },
          {
            collapsed: true,
            items: folder('adr').filter(({link}) => link !== '/adr/index'),
            link: '/adr/',
            text: 'Decisions',
          },
        ]
      : [],
  },
  title: '@elysia/data-ops',
  // The index of the search is one piece, loaded when somebody searches.
  vite: {build: {chunkSizeWarningLimit: 2000}},
})
