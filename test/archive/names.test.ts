import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import {
  backupName,
  backupOfRemoved,
  checkpointName,
  damagedCatalogName,
  encryptedRejectedName,
  hasPieces,
  isBackupFile,
  isCheckpointOf,
  isRejectedOf,
  journalName,
  nextName,
  parseBackupName,
  partialName,
  partName,
  pieceName,
  rejectedName,
  removedName,
  sealedNameOf,
  stillRejectedName,
} from '../../src/archive/names.js'
import {DataOpsError} from '../../src/model/errors.js'
import {isTemporaryName, temporaryName} from '../../src/store/temporary-name.js'

const startedAt = new Date('2024-02-01T10:30:00.999Z')

function toTheSecond(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000)
}

describe('names of backups', () => {
  it('are those of the format', () => {
    expect(backupName('UserDocuments', startedAt, 'json', false)).toBe('UserDocuments_2024-02-01_103000.json')
    expect(backupName('UserDocuments', startedAt, 'json', true)).toBe('UserDocuments_2024-02-01_103000.json.gz')
    expect(backupName('ProductCatalog', startedAt, 'parquet', true)).toBe('ProductCatalog_2024-02-01_103000')
    expect(backupName('ProductCatalog', startedAt, 'arrow', false)).toBe('ProductCatalog_2024-02-01_103000')
    expect(nextName('A_2024-02-01_103000.json.gz', 2)).toBe('A_2024-02-01_103000-2.json.gz')
    expect(nextName('A_2024-02-01_103000.json', 3)).toBe('A_2024-02-01_103000-3.json')
    expect(nextName('A_2024-02-01_103000', 12)).toBe('A_2024-02-01_103000-12')
    expect(nextName('A_2024-02-01_103000', 1)).toBe('A_2024-02-01_103000')
  })

  it('are read back, whatever they were made from', () => {
    const collection = fc.stringMatching(/^[A-Z][_0-9A-Za-z]{0,40}$/)
    const date = fc.date({
      max: new Date('9999-12-31T23:59:59Z'),
      min: new Date('0001-01-01T00:00:00Z'),
      noInvalidDate: true,
    })
    const format = fc.constantFrom('json', 'parquet', 'arrow')
    fc.assert(
      fc.property(collection, date, format, fc.boolean(), fc.integer({max: 99_999, min: 1}), (...made) => {
        const [name, at, kind, isCompressed, attempt] = made
        const parsed = parseBackupName(nextName(backupName(name, at, kind, isCompressed), attempt))
        expect(parsed).toEqual({
          attempt,
          collection: name,
          compressed: isCompressed && kind === 'json',
          kind: kind === 'json' ? 'document' : 'directory',
          startedAt: toTheSecond(at),
        })
      }),
    )
  })

  it('refuse what is no collection or no date', () => {
    for (const name of ['', 'lower', '../X', 'X/Y', 'X Y', 'Ä', 'X\n', 'X.json', '__proto__']) {
      expect(() => backupName(name, startedAt, 'json', false), name).toThrow(DataOpsError)
    }

    for (const date of [new Date(NaN), new Date('+010000-01-01T00:00:00Z')]) {
      expect(() => backupName('X', date, 'json', false)).toThrow(DataOpsError)
    }
  })

  it('are not seen in other names', () => {
    const others = [
      'A_2024-02-01_103000.json.partial',
      'A_2024-02-30_103000.json',
      'A_2024-02-01_250000.json',
      'A_2024-02-01_103000-1.json',
      'A_2024-02-01_103000-02.json',
      'A_2024-02-01_103000.parquet',
      'A_2024-02-01.json',
      'a_2024-02-01_103000.json',
      '../A_2024-02-01_103000.json',
      'A_2024-02-01_103000/x',
      'A_2024-02-01_103000.json\n',
      '.backup_catalog.json',
      '',
    ]
    for (const name of others) expect(parseBackupName(name), name).toBeUndefined()
  })
})

describe('names beside a backup', () => {
  const backup = 'A_2024-02-01_103000-2.json.gz'

  it('lead back to it where they must, and are never taken for one', () => {
    expect(partialName(backup)).toBe(`${backup}.partial`)
    expect(sealedNameOf(partialName(backup))).toBe(backup)
    expect(sealedNameOf(backup)).toBeUndefined()
    expect(sealedNameOf('notes.partial')).toBeUndefined()
    expect(sealedNameOf(removedName(backup))).toBeUndefined()
    expect(backupOfRemoved(removedName(backup))).toBe(backup)
    expect(backupOfRemoved('notes.removed.partial')).toBeUndefined()
    expect(isTemporaryName(temporaryName())).toBe(true)
    expect(isTemporaryName('.elysia.tmp')).toBe(false)
    const others = [
      partialName,
      journalName,
      removedName,
      ...[rejectedName, checkpointName].map((make) => (name: string) => make(name, 'X')),
    ]
    for (const make of others) expect(parseBackupName(make(backup))).toBeUndefined()
    expect(sealedNameOf(journalName(backup))).toBeUndefined()
  })

  it('keeps checkpoints for different targets apart', () => {
    expect(checkpointName(backup, 'Docs')).toBe(`${backup}.Docs.checkpoint`)
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const name = checkpointName(backup, one)
        expect(name).toMatch(/^[-.\w]+\.checkpoint$/)
        expect(name.length).toBeLessThan(120)
        expect(isCheckpointOf(backup, name)).toBe(true)
        expect(isCheckpointOf(`${backup}x`, name)).toBe(false)
        expect(name === checkpointName(backup, other)).toBe(one === other)
      }),
    )
    expect(isCheckpointOf(backup, rejectedName(backup, 'X'))).toBe(false)
    expect(isCheckpointOf('A_2024-02-01_103000', checkpointName('A_2024-02-01_103000.json', 'X'))).toBe(false)
  })

  it('keeps refused objects for different targets apart', () => {
    const plain = 'A_2024-02-01_103000'
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        for (const make of [rejectedName, stillRejectedName]) {
          const name = make(backup, one)
          expect(isRejectedOf(backup, pieceName(name, 2))).toBe(true)
          expect(isRejectedOf(`${backup}x`, name)).toBe(false)
          expect(hasPieces(name)).toBe(true)
          expect(name === make(backup, other)).toBe(one === other)
        }
      }),
    )
    expect(isRejectedOf(plain, rejectedName(`${plain}.json`, 'X'))).toBe(false)
    const hidden = encryptedRejectedName(plain, pieceName(rejectedName(plain, 'Docs@http://a:8080'), 3))
    expect(hidden).toMatch(/^A_2024-02-01_103000\.[0-9a-f]{16}\.rejected-3\.jsonl\.age$/)
    const others = ['Docs@http://b:8080', 'Docs@http://a:8080'].map((at) =>
      encryptedRejectedName(plain, stillRejectedName(plain, at)),
    )
    expect(new Set(others).size).toBe(2)
    expect(others[1]).toBe(hidden.replace('rejected-3', 'still-rejected'))
  })

  it('fits in 255 bytes, for the longest name of a collection too', () => {
    const target = 'C'.repeat(255)
    for (const length of [1, 150, 179, 180, 181, 200, 255]) {
      const collection = 'A'.repeat(length)
      const longest = nextName(backupName(collection, startedAt, 'json', true), 999_999_999)
      expect(parseBackupName(longest)).toMatchObject({attempt: 999_999_999})
      const lock = `${partialName(longest)}.lock`
      const names = [
        longest,
        partialName(longest),
        lock,
        // A claim to a stale lock, and one to a stale claim.
        `${lock}.01234567.01234567`,
        journalName(longest),
        removedName(longest),
        ...['Docs', target, `${target}@http://a:8080`].flatMap((at) => [
          pieceName(rejectedName(longest, at), 9999),
          pieceName(stillRejectedName(longest, at), 9999),
        ]),
        checkpointName(longest, 'Docs'),
        checkpointName(longest, target),
        checkpointName(longest, `${target}@https://${'host.'.repeat(40)}:8080`),
        temporaryName(),
      ]
      for (const name of names) expect(Buffer.byteLength(name), name).toBeLessThanOrEqual(255)
      expect(new Set(names).size).toBe(names.length)
      for (const at of ['http://a:8080', 'http://b:8080']) {
        const name = checkpointName(longest, `${target}@${at}`)
        expect(isCheckpointOf(longest, name)).toBe(true)
        expect(name).not.toBe(checkpointName(longest, `${target}@http://c:8080`))
      }
    }
  })

  it('numbers parts, and knows its own files', () => {
    expect(partName('parquet', 1)).toBe('objects.parquet')
    expect(partName('arrow', 2)).toBe('objects-00002.arrow')
    expect(partName('parquet', 123_456)).toBe('objects-123456.parquet')
    for (const name of [
      'metadata.json',
      'schema.json',
      'objects.parquet',
      'objects-00001.arrow',
      'objects-123456.parquet',
    ]) {
      expect(isBackupFile(name), name).toBe(true)
    }

    for (const name of ['notes.txt', 'objects', 'objects-1.parquet', '.DS_Store', 'x/objects.parquet']) {
      expect(isBackupFile(name), name).toBe(false)
    }
  })

  it('keeps damaged catalogs apart', () => {
    expect(damagedCatalogName(startedAt)).toBe('.backup_catalog.json.damaged-2024-02-01T103000Z')
    expect(damagedCatalogName(startedAt, 2)).toBe('.backup_catalog.json.damaged-2024-02-01T103000Z-2')
  })
})
