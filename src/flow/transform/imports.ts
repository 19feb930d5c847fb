/** Files that a module of somebody's own is made of: a change of one of them makes another transform, as a change of the module does. */
import {readFile} from 'node:fs/promises'
import path from 'node:path'

import {sha256Hex} from '../../platform/node.js'

/** `from './x.js'`, `import './x.js'`, `import('./x.js')`, `require('./x.cjs')`. */
const IMPORT = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*(["'])(\.{1,2}\/.+?)\1/g

/**
 * One hash of all that a file imports by relative paths, and what those import; undefined: nothing. Packages are known by their versions, not
 * looked at. Text in which a path only seems to be imported does no harm: what cannot be read is passed over.
 */
export async function hashOfImports(file: string, text: string): Promise<string | undefined> {
  const root = path.resolve(file)
  const seen = new Map<string, string>([[root, '']])
  const open = importsOf(root, text)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue
    const found = await readFile(next, 'utf8').catch(() => undefined)
    if (found === undefined) continue
    seen.set(next, sha256Hex(found))
    open.push(...importsOf(next, found))
  }

  seen.delete(root)
  if (seen.size === 0) return undefined
  const lines = Array.from(seen, ([name, sum]) => `${path.relative(path.dirname(root), name)} ${sum}`)
  return sha256Hex(lines.sort().join('\n'))
}

function importsOf(file: string, text: string): string[] {
  return Array.from(text.matchAll(IMPORT), ({2: specifier = ''}) =>
    path.resolve(path.dirname(file), specifier.replace(/[?#].*$/, '')),
  )
}
