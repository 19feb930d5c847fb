/** What is public says what it is: each name that the package exports, and of its members each function, and each number, whose unit no type tells. */
import path from 'node:path'
import ts from 'typescript'
import {describe, expect, it} from 'vitest'

import {root} from '../support/root.js'

const DOORS = ['index', 'codec', 'testing'].map((name) => path.join(root, 'dist', `${name}.d.ts`))

const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  noLib: true,
  target: ts.ScriptTarget.ESNext,
  types: [],
}

/** Of the built types alone: what they import of others says nothing of ours, and takes seconds to read. */
function hostOf(texts: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS)
  const {fileExists, readFile} = host
  host.fileExists = (file) => texts.has(file) || fileExists(file)
  host.readFile = (file) => texts.get(file) ?? readFile(file)
  host.getSourceFile = (file, target) => {
    const text = host.readFile(file)
    return text === undefined ? undefined : ts.createSourceFile(file, text, target)
  }

  host.resolveModuleNameLiterals = (names, file) =>
    names.map(({text}) => ({
      resolvedModule: text.startsWith('.')
        ? {
            extension: ts.Extension.Dts,
            resolvedFileName: path.resolve(path.dirname(file), text.replace(/\.js$/, '.d.ts')),
          }
        : undefined,
    }))
  return host
}

interface Looked {
  /** Names and members that were looked at. */
  count: number
  silent: string[]
}

/** `texts`: files in the place of those on disk. */
function look(doors: readonly string[], texts: ReadonlyMap<string, string> = new Map()): Looked {
  const program = ts.createProgram(doors, OPTIONS, hostOf(texts))
  const checker = program.getTypeChecker()
  const silent = new Set<string>()
  let count = 0
  const check = (symbol: ts.Symbol, name: string): void => {
    count++
    const isDocumented = symbol.getDocumentationComment(checker).length > 0 || symbol.getJsDocTags(checker).length > 0
    if (!isDocumented) silent.add(name)
  }

  for (const door of doors) {
    const source = checker.getSymbolAtLocation(program.getSourceFile(door)!)!
    for (const exported of checker.getExportsOfModule(source)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      // A whole module under one name, which stands with it.
      if (symbol.flags & ts.SymbolFlags.ValueModule) continue
      check(symbol, symbol.name)
      for (const member of (symbol.declarations ?? []).flatMap((declaration) => spokenMembers(declaration))) {
        const own = checker.getSymbolAtLocation(member.name!)
        if (own) check(own, `${symbol.name}.${own.name}`)
      }
    }
  }

  return {count, silent: [...silent].toSorted()}
}

/** Functions and numbers, for everybody. */
function spokenMembers(declaration: ts.Declaration): Array<ts.ClassElement | ts.TypeElement> {
  if (!ts.isInterfaceDeclaration(declaration) && !ts.isClassDeclaration(declaration)) return []
  return [...declaration.members].filter((member) => {
    if (!member.name || ts.isPrivateIdentifier(member.name)) return false
    if (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) return false
    if (ts.isMethodDeclaration(member) || ts.isMethodSignature(member)) return true
    if (!ts.isPropertyDeclaration(member) && !ts.isPropertySignature(member)) return false
    return member.type !== undefined && (ts.isFunctionTypeNode(member.type) || isNumber(member.type))
  })
}

function isNumber(type: ts.TypeNode): boolean {
  return ts.isUnionTypeNode(type)
    ? type.types.some((one) => isNumber(one))
    : type.kind === ts.SyntaxKind.NumberKeyword || type.kind === ts.SyntaxKind.BigIntKeyword
}

describe('public things', () => {
  it('each have a docstring', () => {
    const {count, silent} = look(DOORS)
    expect(count).toBeGreaterThan(500)
    expect(silent).toEqual([])
  })

  it('without one are found', () => {
    const text = `interface Spoken { silent: string; bytes: number
  /** In ms. */
  waits: number
  go(): void }
/** Says what it is. */
declare class Named { #own: number; private hidden: number; stop(): void }
declare const many: number
export { Spoken as Other, Named, many }`
    const {silent} = look(['/door.d.ts'], new Map([['/door.d.ts', text]]))
    expect(silent).toEqual(['Named.stop', 'Spoken', 'Spoken.bytes', 'Spoken.go', 'many'])
  })
})
