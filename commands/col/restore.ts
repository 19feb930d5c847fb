import {Flags, type Interfaces} from '@oclif/core'

import type {Continuation} from '../../src/cli/continuation.js'
import type {Settings} from '../../src/config/settings.js'
import type {ReplaceManager} from '../../src/jobs/replace/manager.js'
import type {ReplaceResult, ReplaceRunOptions} from '../../src/jobs/replace/options.js'
import type {RestoreResult, RestoreRunOptions} from '../../src/jobs/restore/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {chooseBackups, type ChosenBackups} from '../../src/cli/check-backups.js'
import {examples} from '../../src/cli/examples.js'
import {
  backupsArgument,
  modeFlag,
  parseOverrides,
  placeFlags,
  REPEATED,
  saveFlags,
  schemaFromFlag,
} from '../../src/cli/flags.js'
import {placesOf} from '../../src/cli/moving-names.js'
import {replacedLines, restoreLine, restoreLines} from '../../src/cli/results.js'
import {type LeftOut} from '../../src/cli/several.js'
import {ownWritingFlags, ownWritingOptions} from '../../src/cli/writing-flags.js'
import {countWritten} from '../../src/cli/written-exit.js'
import {DataOpsError} from '../../src/model/errors.js'

type Several<Result> = Result | {collections: Result[]; failed?: LeftOut[]}

type ColRestoreFlags = Interfaces.InferredFlags<typeof ColRestore.baseFlags & typeof ColRestore.flags>

export default class ColRestore extends DataOpsCommand {
  static override summary = 'Restore collections from backups.'

  static override usage = '<%= command.id %> BACKUP... [flags]'

  static override description = `Creates the collection and writes every object of the backup; a restore that was interrupted continues where it was. Objects that the server refuses are put into a file with the reasons, and the exit code is 3.`

  static override args = {backup: backupsArgument}

  static override flags = {
    ...placeFlags,
    ...saveFlags,
    mode: modeFlag,
    'accept-changed': Flags.boolean({
      description: 'Restore a backup whose bytes are no longer what was sealed (edited, or from another tool).',
    }),
    'allow-protected': Flags.boolean({
      dependsOn: ['replace'],
      description: 'With --replace, replace a collection whose name is protected.',
    }),
    'checkpoint-dir': Flags.string({
      description: 'Folder for the checkpoint and refused objects; default: beside the backup.',
      helpValue: '<folder>',
    }),
    collection: Flags.string({
      description: "Of an export of the server's own, restore this collection; * stands for any text; may be repeated.",
      helpValue: '<name>',
      ...REPEATED,
    }),
    exclude: Flags.string({
      description: 'Of several backups leave out those of this collection; * stands for any text; may be repeated.',
      helpValue: '<pattern>',
      ...REPEATED,
    }),
    'keep-going': Flags.boolean({
      description: 'Restore the other backups when one cannot be; the exit code is that of the gravest.',
    }),
    name: Flags.string({description: 'Another name for the collection.', helpValue: '<name>'}),
    replace: Flags.boolean({
      description:
        'In place of what is there: an alias is switched once the new collection is verified; a collection is backed up, dropped and restored. Goes on where it was killed.',
      exclusive: ['atomic', 'merge', 'retry-rejected', 'schema-from', 'skip-data', 'tenant'],
    }),
    'schema-from': schemaFromFlag('; may be repeated.'),
    ...ownWritingFlags,
  }

  static override examples = examples(
    ['backups/Article_2026-02-01_103000.json', 'From a file'],
    ['5f0c --name ArticleCopy --verify', 'By id, under another name, compared object by object'],
    ['5f0c --merge --on-conflict skip', 'Into a collection that exists'],
    ['Article@latest --name ArticleBefore', 'The newest whole backup of a collection, beside what is there'],
    ['5f0c --replace', 'In place of what is there, which is saved first'],
    ["'*' --exclude '*Tmp' --keep-going", 'The newest of each collection'],
    ['s3://exports/nightly --collection Article --schema-from schema.json', 'From an export that the server has made'],
    ['5f0c --set replicationConfig.factor=1', 'On a smaller cluster'],
  )

  /** What the names of this run stand for, also in a later one that goes on with it. */
  #moving: Pick<Continuation, 'replace' | 'replaceOf'> = {}

  #withoutDryRun(): string[] {
    return ['col', 'restore', ...this.continuedArguments({...this.#moving, remove: ['--dry-run']})]
  }

  async #report(restored: RestoreResult, isOneOfMany = false): Promise<void> {
    if (!restored.dryRun) restored.warnings.push(...(await this.announce('elysia:restore:confirmed', {restored})))
    this.print(isOneOfMany ? restoreLine(restored) : restoreLines(restored, {width: this.width}))
    countWritten(restored)
  }

  /** In place of what is there. */
  async #replace(
    manager: ReplaceManager,
    {isSeveral, references}: ChosenBackups,
    options: ReplaceRunOptions,
  ): Promise<Several<ReplaceResult>> {
    const {collections, failed = []} = await manager.replaceCollections(references, {
      ...options,
      onConfirmed: async (replaced) => {
        await this.#report(replaced, isSeveral)
        this.print(replacedLines(replaced))
      },
    })
    const [replaced] = collections
    if (!isSeveral && replaced) {
      if (replaced.dryRun) this.suggest('Replace it', this.#withoutDryRun())
      return replaced
    }

    return {collections, ...(failed.length > 0 && {failed: failed.map((one) => this.leaveOut(one, 'NOT replaced'))})}
  }

  async #options(flags: ColRestoreFlags, settings: Settings): Promise<RestoreRunOptions> {
    return {
      ...this.operation({...this.#moving, remove: ['--restart']}),
      ...(await ownWritingOptions(flags, settings)),
      acceptChanged: flags['accept-changed'],
      checkpointDirectory: flags['checkpoint-dir'],
      keepGoing: flags['keep-going'],
      name: flags.name,
      schemaFrom: flags['schema-from'],
    }
  }

  async run(): Promise<Several<RestoreResult> | Several<ReplaceResult>> {
    const {args, flags} = await this.parse(ColRestore)
    const encryption = await this.encryption(flags.replace)
    const chosen = await chooseBackups(args.backup, {
      collections: flags.collection ?? [],
      encryption,
      directory: flags.output,
      exclude: flags.exclude,
      onWarning: this.warnOf,
      replaces: flags.replace,
    })
    const {isSeveral, references: backups} = chosen
    for (const flag of ['name', 'retry-rejected'] as const)
      if (Math.max(args.backup.length, backups.length) > 1 && flags[flag] !== undefined)
        throw new DataOpsError('INVALID_INPUT', `--${flag} needs a single backup.`)
    const {store} = await this.catalogIn(flags.output)
    const schemas = await placesOf(flags['schema-from'] ?? [], store)
    this.#moving = {replace: chosen.places, replaceOf: {'--schema-from': schemas}}
    // What is no JSON is told before the server is asked anything.
    if (flags.set) parseOverrides(flags.set)

    const settings = await this.settings()
    const connection = await this.connect()
    const place = {directory: flags.output, stateDirectory: this.stateDirectory, ...encryption}
    const options = await this.#options(flags, settings)
    if (flags.replace) {
      const {ReplaceManager: Manager} = await import('../../src/jobs/replace/manager.js')
      return this.#replace(new Manager(connection, place), chosen, {
        ...options,
        allowProtected: flags['allow-protected'],
        protectedNames: settings.protectedNames?.value,
      })
    }

    const {RestoreManager} = await import('../../src/jobs/restore/manager.js')
    const manager = new RestoreManager(connection, place)
    if (!isSeveral) {
      const restored = await manager.restoreCollection(backups[0]!, options)
      await this.#report(restored)
      const {backupId, collection, dryRun, rejected, rejectedFile, verification} = restored
      const reference = backups[0] ?? backupId
      if (dryRun) this.suggest('Restore it', this.#withoutDryRun())
      else if (rejected > 0 && rejectedFile !== undefined)
        this.suggest('Send those again', ['col', 'restore', reference, '--merge', '--retry-rejected', rejectedFile])
      else if (!verification) this.suggest('Compare it', ['col', 'verify', collection, '--against', reference])
      return restored
    }

    const {collections, failed = []} = await manager.restoreCollections(backups, {
      ...options,
      onConfirmed: async (restored) => this.#report(restored, true),
    })
    return {collections, ...(failed.length > 0 && {failed: failed.map((one) => this.leaveOut(one, 'NOT restored'))})}
  }
}
