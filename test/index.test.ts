/** What programs import: a name that was published stays. */
import {readFile} from 'node:fs/promises'
import ts from 'typescript'
import {describe, expect, it} from 'vitest'

import published from './fixtures/public-names.json' with {type: 'json'}
import {namelessTypes} from './support/spoken-types.js'

/** Names that a module exports by name; what it passes on with `*` is another module's. */
async function exportedNames(file: string): Promise<string[]> {
  const source = ts.createSourceFile(file, await readFile(file, 'utf8'), ts.ScriptTarget.Latest)
  return source.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || !statement.exportClause) return []
    const {exportClause} = statement
    return ts.isNamespaceExport(exportClause)
      ? [exportClause.name.text]
      : exportClause.elements.map(({name}) => name.text)
  })
}

describe('the public names', () => {
  it.each(Object.entries(published))('%s exports what is listed, no less and no more', async (file, names) => {
    // A new name goes into the list; one that goes breaks programs that import it.
    expect((await exportedNames(file)).sort()).toEqual(names)
  })

  it('whatever a program gets or gives has a name that it can import', () => {
    expect(namelessTypes('src/index.ts')).toEqual([
      // Of what is handed on within the package, or told whole where it stands.
      'ErrorContext <- DataOpsError',
      'KnownKind <- Store',
      'PlaceOptions <- DoctorOptions',
      'SentRestoreOptions <- CreateRestoreJobOptions',
    ])
    expect(namelessTypes('src/testing/index.ts')).toEqual([
      'JsonObject <- EmbeddedWeaviateOptions',
      'JsonValue <- JsonObject',
    ])
  })
})
