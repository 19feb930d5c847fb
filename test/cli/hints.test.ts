import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import {describe, expect, it} from 'vitest'

import {asTyped, warningsAsTyped} from '../../src/cli/hints.js'
import {root} from '../support/root.js'

/** Doors, where flags are spoken of; everything else is used by programs as well. */
const DOORS = new Set(['cli', 'config', 'testing'])

interface Text {
  file: string
  text: string
}

/** Every literal text of the core, with template holes left out. */
function coreTexts(): Text[] {
  const source = path.join(root, 'src')
  const files = readdirSync(source, {recursive: true})
    .map(String)
    .filter((file) => file.endsWith('.ts') && !DOORS.has(file.split(path.sep)[0]!) && !file.includes('generated'))
  return files.flatMap((file) => {
    const texts: Text[] = []
    const visit = (node: ts.Node): void => {
      if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
        texts.push({file, text: node.text})
      ts.forEachChild(node, visit)
    }

    visit(ts.createSourceFile(file, readFileSync(path.join(source, file), 'utf8'), ts.ScriptTarget.Latest))
    return texts
  })
}

function flagNames(): Set<string> {
  const manifest = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {
    commands: Record<string, {flags: Record<string, unknown>}>
  }
  return new Set(Object.values(manifest.commands).flatMap(({flags}) => Object.keys(flags)))
}

describe('hints', () => {
  const texts = coreTexts()

  it('of the core name no flags', () => {
    expect(texts.length).toBeGreaterThan(1000)
    // Commands of package managers have flags of their own, and so have Node and V8.
    const flags = texts.filter(
      ({text}) =>
        /(?:^|[\s"'(])--[a-z]{2}/.test(text) && !/^p?npm /.test(text) && !/^--(?:import$|semi-space-)/.test(text),
    )
    expect(flags).toEqual([])
  })

  it('of the core name options that are flags of the command line', () => {
    const named = texts.filter(({text}) => /`[A-Za-z]/.test(text))
    expect(named.length).toBeGreaterThan(20)
    const names = flagNames()
    const wrong = named.flatMap(({file, text}) =>
      [...asTyped(text).matchAll(/--(?:no-)?([a-z-]+)/g)]
        .filter(([, flag]) => !names.has(flag!))
        .map(([typed]) => ({file, text, typed})),
    )
    expect(wrong).toEqual([])
  })

  it.each([
    ['Run it again with `resume: true`.', 'Run it again with --resume.'],
    ['Or with `keepSchema: false`.', 'Or with --no-keep-schema.'],
    ["Use `onConflict: 'skip'`.", 'Use --on-conflict skip.'],
    ["Restore with `overrides: {'a.factor': 1}`.", 'Restore with --set a.factor=1.'],
    ["Restore with `overrides: {vectorizer: 'none'}`.", 'Restore with --set vectorizer=none.'],
    ['Change them with `overrides`; see `verifyBackup`.', 'Change them with --set; see backup verify.'],
    ['Write `checkpointDirectory`, `tenants`.', 'Write --checkpoint-dir, --tenant.'],
    ['No option at all.', 'No option at all.'],
  ])('%s is typed %s', (written, typed) => {
    expect(asTyped(written)).toBe(typed)
  })

  it('are typed in warnings of results, and nothing else is', () => {
    const result = {a: '`resume`', b: [{warnings: [{details: {hint: 'use `merge: true`'}, message: '`name`'}]}]}
    expect(warningsAsTyped(result)).toEqual({
      a: '`resume`',
      b: [{warnings: [{details: {hint: 'use --merge'}, message: '--name'}]}],
    })
  })
})
