/** Which types the public ones speak of: by their syntax, without the compiler's checks, which would take seconds. */
import {readFileSync} from 'node:fs'
import path from 'node:path'
import ts from 'typescript'

import {root} from './root.js'

/** A name where it is declared. */
interface Declared {
  file: string
  name: string
  node: ts.Node
}

const sources = new Map<string, ts.SourceFile>()

function sourceOf(file: string): ts.SourceFile {
  const known = sources.get(file)
  if (known) return known
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  sources.set(file, source)
  return source
}

/** The file that a statement takes names from; undefined: it takes none, or those of a package. */
function origin(file: string, {moduleSpecifier: from}: {moduleSpecifier?: ts.Expression}): string | undefined {
  if (!from || !ts.isStringLiteral(from) || !from.text.startsWith('.')) return undefined
  return path.join(path.dirname(file), from.text.replace(/\.js$/, '.ts'))
}

const isExported = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({kind}) => kind === ts.SyntaxKind.ExportKeyword)

type Named = ts.Statement & {name: ts.Identifier}

const isNamed = (node: ts.Statement): node is Named =>
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  (ts.isClassDeclaration(node) && node.name !== undefined) ||
  (ts.isFunctionDeclaration(node) && node.name !== undefined)

/** What a file says of a name: its declaration, or where it is imported or passed on from. */
function lookUp(file: string, name: string): Declared | Omit<Declared, 'node'> | undefined {
  for (const node of sourceOf(file).statements) {
    if (isNamed(node) && node.name.text === name) return {file, name, node}
    const from = ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? origin(file, node) : undefined
    if (!from) continue
    const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : exportClauseOf(node)
    if (!bindings || !(ts.isNamedImports(bindings) || ts.isNamedExports(bindings))) continue
    const found = bindings.elements.find((each) => each.name.text === name)
    if (found) return {file: from, name: (found.propertyName ?? found.name).text}
  }

  return undefined
}

function exportClauseOf(node: ts.Statement): ts.NamedExportBindings | undefined {
  return ts.isExportDeclaration(node) ? node.exportClause : undefined
}

function find(file: string, name: string): Declared | undefined {
  let found = lookUp(file, name)
  while (found && !('node' in found)) found = lookUp(found.file, found.name)
  return found
}

function exportsOf(file: string): Declared[] {
  return sourceOf(file).statements.flatMap((node) => {
    if (isNamed(node) && isExported(node)) return [{file, name: node.name.text, node}]
    if (!ts.isExportDeclaration(node)) return []
    const from = origin(file, node)
    if (!from) return []
    if (!node.exportClause || ts.isNamespaceExport(node.exportClause)) return exportsOf(from)
    return node.exportClause.elements.flatMap((each) => find(from, (each.propertyName ?? each.name).text) ?? [])
  })
}

/** Names of types in what others see of a declaration: no bodies, and nothing private. */
function typesIn(declared: ts.Node): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node) || (ts.isClassElement(node) && node.name && ts.isPrivateIdentifier(node.name))) return
    if (ts.isTypeReferenceNode(node) && ts.isIdentifier(node.typeName)) names.add(node.typeName.text)
    if (ts.isExpressionWithTypeArguments(node) && ts.isIdentifier(node.expression)) names.add(node.expression.text)
    ts.forEachChild(node, visit)
  }

  visit(declared)
  return names
}

/** Types that a program can get from an entry, or gives to it, and cannot name: `name <- of what`. */
export function namelessTypes(entry: string): string[] {
  const told = exportsOf(path.join(root, entry))
  const known = new Set(told.map(({file, name}) => `${file} ${name}`))
  const nameless: string[] = []
  while (told.length > 0) {
    const {file, name: of, node} = told.shift()!
    for (const name of typesIn(node)) {
      const declared = find(file, name)
      if (!declared || known.has(`${declared.file} ${declared.name}`)) continue
      known.add(`${declared.file} ${declared.name}`)
      nameless.push(`${declared.name} <- ${of}`)
      told.push(declared)
    }
  }

  return nameless.toSorted()
}
