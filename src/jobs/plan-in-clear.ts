/** What jobs of several machines say of encrypted backups. */

/** Of a backup that is encrypted: what workers need to know before they have a key. */
export function planInClear(collection: string): string {
  return `The folder of the job, which lies in the clear beside the backups, holds the schema of "${collection}", names of its tenants and ids of some objects. Remove that folder once the job has ended.`
}
