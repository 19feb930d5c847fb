/** A reference that leads nowhere is said before any server is asked. @throws DataOpsError NOT_A_BACKUP. */
export async function checkBackupsExist(references: readonly string[], directory: string): Promise<void> {
  // Loaded late: help needs none of it.
  const [{locateBackup}, {LocalStore}] = await Promise.all([import('../archive/open.js'), import('../store/local.js')])
  const store = new LocalStore(directory)
  for (const reference of references) await locateBackup(reference, store)
}
