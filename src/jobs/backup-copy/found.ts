import {checkCover, readCover, type ReadCover} from '../../archive/encrypted/cover.js'
import {assertWhole, checkHashes} from '../../archive/hashes.js'
import {readManifest, type SealedManifest} from '../../archive/manifest.js'
import {isKeyFileName, SCHEMA_FILE} from '../../archive/names.js'
import {type Problem} from '../../archive/problem.js'
import {DataOpsError} from '../../model/errors.js'
import {type OperationOptions} from '../../model/progress.js'
import {type Store} from '../../store/store.js'

/** A backup as it lies in its place, without a key. */
export interface FoundBackup {
  cover?: ReadCover
  id: string
  /** Of the collection, as far as it shows. */
  label: string
  manifest?: SealedManifest
  name: string
  store: Store
}

export async function findBackup(store: Store, name: string): Promise<FoundBackup> {
  const cover = await readCover(store, name)
  if (cover) return {cover, id: cover.backupId, label: cover.collection ?? '', name, store}
  const manifest = await readManifest(store, name)
  return {id: manifest.metadata.backup_id, label: manifest.metadata.collection, manifest, name, store}
}

/** Every byte against the hashes that were sealed. */
export async function problemsOf(
  {cover, manifest, name, store}: FoundBackup,
  {signal}: Pick<OperationOptions, 'signal'>,
): Promise<Problem[]> {
  if (cover) return checkCover(store, {...cover, name}, {signal})
  return manifest ? checkHashes({manifest: {...manifest, name}, store}, {signal}) : []
}

/** @throws DataOpsError BACKUP_DAMAGED, where the backup itself is. */
export async function assertSourceWhole(backup: FoundBackup): Promise<void> {
  if (backup.manifest) return assertWhole({manifest: backup.manifest, store: backup.store})
  const [problem] = await problemsOf(backup, {})
  if (problem) {
    throw new DataOpsError('BACKUP_DAMAGED', `${problem.file} is damaged: ${problem.message}`, {
      details: {path: problem.file},
      hint: 'Copy another backup.',
    })
  }
}

export function arrivedDamaged({file, message}: Problem): DataOpsError {
  return new DataOpsError('STORAGE', `${file} did not arrive as it was: ${message}`, {
    details: {path: file},
    hint: 'Run it again.',
    retryable: true,
  })
}

/** Of a folder, all but `metadata.json`. */
export async function filesOf({cover, manifest, name, store}: FoundBackup): Promise<string[]> {
  const files = (await store.list(name)).map((entry) => entry.name)
  if (cover) return [...files.filter((file) => isKeyFileName(file)), ...cover.files.map(({file}) => file)]
  const parts = (manifest?.seal.parts ?? []).flatMap(({file}) => file ?? [])
  return [...files.filter((file) => file === SCHEMA_FILE), ...parts]
}

export function taken(target: Store, name: string): DataOpsError {
  return new DataOpsError('STORAGE', `The name ${target.describe(name)} was taken meanwhile.`, {
    details: {path: target.describe(name)},
    hint: 'Run it again.',
  })
}
