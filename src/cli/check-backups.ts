/** A reference that leads nowhere is said before any server is asked. @throws DataOpsError NOT_A_BACKUP. */
export async function checkBackupsExist(references: readonly string[], directory: string): Promise<void> {
  // Loaded late: help needs none of it.
  const [{locateBackup}, {openStore}] = await Promise.all([import('../catalog/locate.js'), import('../store/open.js')])
  const store = openStore(directory)
  for (const reference of references) await locateBackup(reference, store)
}
