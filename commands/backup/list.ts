import {Args, Flags} from '@oclif/core'

import type {UnusableFile} from '../../src/catalog/scan.js'
import type {Store} from '../../src/store/store.js'

import {type BackupEntry, backupEntry, backupTable, noBackups, noPlaceYet} from '../../src/cli/backup-entry.js'
import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {modeFlag, placeFlags} from '../../src/cli/flags.js'
import {isPlaceThere} from '../../src/cli/place.js'
import {exitAtLeast} from '../../src/cli/several.js'
import {plural} from '../../src/model/plural.js'

export interface BackupListResult {
  backups: BackupEntry[]
  /** With `--reindex`: files that look like backups and are none that can be used. */
  damaged?: Array<{path: string; reason: string}>
  directory: string
  /** What could not be looked at now, and so may be a backup or not, whole or not; with `--reindex` what had an entry keeps it. */
  unread?: Array<{path: string; reason: string}>
}

export default class BackupList extends DataOpsCommand {
  static override summary = 'List the backups in a folder, newest first.'

  static override usage = '<%= command.id %> [COLLECTION] [flags]'

  static override description = `Times are UTC. A backup whose files are gone is shown as missing, one without an entry in the catalog as unlisted, one whose files have another size as damaged, one that lacks objects which the server counted as incomplete. What cannot be looked at now is named in a warning, with an entry it is shown as unread, and the exit code is 3. Where the terminal has no room for paths they are left out; \`backup show\` and --json have them.`

  static override args = {
    collection: Args.string({description: 'Only backups of this collection.', ignoreStdin: true}),
  }

  static override flags = {
    ...placeFlags,
    mode: modeFlag,
    reindex: Flags.boolean({
      description:
        'Make the catalog anew from the backups in the folder. What cannot be read now keeps its entry, and the exit code is 3.',
    }),
  }

  static override examples = examples(
    ['', 'All backups in ./backups'],
    ['Article -o /var/backups', 'Of one collection, elsewhere'],
    ['--reindex', 'After files were copied or removed by hand'],
  )

  /** Until any job on that collection has put them back. */
  async #warnOfTenants(store: Store): Promise<void> {
    const {tenantNotes} = await import('../../src/jobs/options.js')
    const left = await tenantNotes(store, this.stateDirectory).left()
    for (const {path, reason} of left.unreadable) {
      this.warnOf({
        message: `Which tenants a killed run has left active is not known: ${path} cannot be read (${reason}).`,
      })
    }

    for (const {path, server, since, tenants} of left.tenants) {
      for (const collection of new Set(tenants.map((tenant) => tenant.collection))) {
        const names = tenants.filter((tenant) => tenant.collection === collection)
        const message = `${plural(names.length, 'tenant')} of "${collection}" at ${server} may have been left active by a run that was killed (${since}, see ${path}): the next backup, restore, verification or clear of that collection puts them back.`
        this.warnOf({message})
      }
    }
  }

  /** Until somebody has finished it, or given it up. Returns what could not be looked at. */
  async #warnOfLeftovers(store: Store): Promise<UnusableFile[]> {
    const {leftoversIn} = await import('../../src/catalog/leftovers.js')
    const left = await leftoversIn(store)
    for (const {hint, kind, name, what} of left) {
      if (kind !== 'temporary') this.warnOf({message: `${store.describe(name)} ${what}. ${hint}`})
    }

    return left.filter(({kind}) => kind === 'unread').map(({name, what}) => ({file: name, reason: `It ${what}.`}))
  }

  async run(): Promise<BackupListResult> {
    const {args, flags} = await this.parse(BackupList)
    const isThere = await isPlaceThere(flags.output, this.placeFrom)
    const {catalog, store} = await this.catalogIn(flags.output, flags.reindex ? this.operation({}) : {})
    const directory = store.describe('')
    await this.#warnOfTenants(store)
    const notes = await this.#warnOfLeftovers(store)
    const reindexed = flags.reindex ? await catalog.reindex() : undefined
    const {backups: listed, unread: unseen} = await catalog.listing({collection: args.collection})
    // A reindex has told of its own.
    const told = new Set(reindexed?.unread.map(({file}) => file))
    const more = unseen.filter(({file}) => !told.has(file))
    for (const {file, reason} of more)
      this.warnOf({message: `${store.describe(file)} could not be looked at. ${reason}`})
    const unlisted = flags.reindex ? 0 : listed.filter(({status}) => status === 'unlisted').length
    if (unlisted > 0) {
      const message = `${plural(unlisted, 'backup is', 'backups are')} there without an entry in the catalog, as after files were copied, or a removal that needed the room of the catalog was killed: \`BackupCatalog.reindex\` enters what is there.`
      this.warnOf({message})
    }

    const backups = listed.map((backup) => backupEntry(backup, store))
    const damaged = reindexed?.damaged.map(({file, reason}) => ({path: store.describe(file), reason}))
    for (const {path, reason} of damaged ?? []) this.warnOf({message: `${path} is no usable backup: ${reason}`})
    const unread = [...(reindexed?.unread ?? []), ...more, ...notes.filter(({file}) => !told.has(file))]
    if (unread.length > 0) exitAtLeast(3)
    const others = backups.length === 0 && args.collection !== undefined ? (await catalog.listing()).backups : []
    this.print(
      backups.length > 0
        ? backupTable(backups, this.tableWidth)
        : [
            isThere
              ? noBackups(directory, args.collection, {all: others, unread: unseen.length})
              : noPlaceYet(directory),
          ],
    )
    const named = unread.map(({file, reason}) => ({path: store.describe(file), reason}))
    return {
      backups,
      directory,
      ...(damaged && {damaged}),
      ...((reindexed !== undefined || named.length > 0) && {unread: named}),
    }
  }
}
