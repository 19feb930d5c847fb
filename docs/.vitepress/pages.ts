/** Gathers the site's pages in .tmp/pages: docs/ and what lies beside it in the repository, with links that hold there. */
import {cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {withLinks} from './links.js'
import {FILES_BESIDE, FOLDERS, placeOf} from './places.js'

const root = path.resolve(import.meta.dirname, '../..')
const pages = path.join(root, '.tmp/pages')
const {repository} = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {repository: {url: string}}
const sources = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')

/** A file that is no page is shown where the sources are; one that is not there ends the build. */
function targetFrom(file: string, target: string): string {
  const [to = '', heading] = target.split('#', 2)
  if (to === '') return target
  const linked = path.posix.join(path.posix.dirname(file), to).replace(/\/$/, '')
  if (!existsSync(path.join(root, linked))) throw new Error(`${file} links to ${linked}, which is not there`)
  const anchor = heading === undefined ? '' : `#${heading}`
  const place = placeOf(linked)
  if (place === undefined) {
    const kind = statSync(path.join(root, linked)).isDirectory() ? 'tree' : 'blob'
    return `${sources}/${kind}/main/${linked}${anchor}`
  }

  const relative = path.posix.relative(path.posix.dirname(placeOf(file)!), place)
  return `${relative.startsWith('.') ? relative : `./${relative}`}${anchor}`
}

function write(place: string, text: string): void {
  const file = path.join(pages, place)
  mkdirSync(path.dirname(file), {recursive: true})
  writeFileSync(file, text)
}

rmSync(pages, {force: true, recursive: true})
for (const file of [...FILES_BESIDE, ...globSync('docs/**/*.md', {cwd: root})]) {
  // Comments are for the test of the commands.
  const text = readFileSync(path.join(root, file), 'utf8').replaceAll(/^<!-- not run: .* -->\n+/gm, '')
  write(
    placeOf(file)!,
    withLinks(text, (target) => targetFrom(file, target)),
  )
}

cpSync(path.join(root, 'docs/images'), path.join(pages, 'images'), {recursive: true})

for (const [folder, title] of FOLDERS) {
  const listed = globSync(`${folder}/*.md`, {cwd: root})
    .toSorted()
    .map((file) => {
      const heading = /^# (.+)$/m.exec(readFileSync(path.join(root, file), 'utf8'))?.[1]
      return `- [${heading ?? file}](./${path.basename(file)})`
    })
  write(placeOf(folder)!, `# ${title}\n\n${listed.join('\n')}\n`)
}
