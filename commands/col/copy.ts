import {Args, Flags, type Interfaces} from '@oclif/core'

import type {Settings} from '../../src/config/settings.js'
import type {CopyResult, CopyRunOptions} from '../../src/jobs/copy/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {notingName} from '../../src/cli/continuation.js'
import {examples} from '../../src/cli/examples.js'
import {excludeFlag, milliseconds, outputFlag, REPEATED, waitReplicasFlag} from '../../src/cli/flags.js'
import {copyLines} from '../../src/cli/results.js'
import {secondServerFlags} from '../../src/cli/second-server.js'
import {exitAtLeast, type LeftOut, namesOrAll} from '../../src/cli/several.js'
import {ownWritingFlags, ownWritingOptions} from '../../src/cli/writing-flags.js'
import {countWritten} from '../../src/cli/written-exit.js'
import {DataOpsError, EXIT_CODES} from '../../src/model/errors.js'
import {isPattern} from '../../src/model/pattern.js'

type ColCopyFlags = Interfaces.InferredFlags<typeof ColCopy.baseFlags & typeof ColCopy.flags>

export default class ColCopy extends DataOpsCommand {
  static override summary = 'Copy collections to another server, or within one under another name.'

  static override usage = '<%= command.id %> [SOURCE [TARGET]] [flags]'

  static override description = `Reads the source while it writes the target, without an archive in between. What is there when the ids are listed is copied, each object as it is when it is read. A copy that was interrupted continues where it was; its checkpoint lies where backups lie. A target that is the source is refused.`

  static override args = {
    source: Args.string({description: 'Collection, alias or pattern.', ignoreStdin: true}),
    target: Args.string({description: 'Name of the copy; default: that of the source.', ignoreStdin: true}),
  }

  static override flags = {
    ...secondServerFlags,
    all: Flags.boolean({description: 'Every collection of the server.'}),
    also: Flags.string({
      description: 'Another collection, alias or pattern to copy under its own name; may be repeated.',
      helpValue: '<source>',
      ...REPEATED,
    }),
    ...ownWritingFlags,
    'checkpoint-dir': Flags.string({
      description: 'Folder for the checkpoint and refused objects; default: that of --output.',
      helpValue: '<folder>',
    }),
    exclude: excludeFlag,
    'include-offloaded': Flags.boolean({
      description: 'Onload offloaded tenants of the source to copy them too; else they are left out, and named.',
    }),
    'keep-going': Flags.boolean({
      description: 'Copy the other collections when one cannot be; the exit code is that of the gravest.',
    }),
    output: outputFlag,
    'wait-replicas': waitReplicasFlag,
  }

  static override examples = examples(
    ['Article --to-url http://new:8080 --verify', 'To another server, compared object by object'],
    ['Article ArticleCopy', 'Within one server'],
    ["--all --exclude '*Tmp' --to-url http://new:8080", 'Everything there is'],
    [
      'Article_v1 Article --atomic --set shardingConfig.desiredCount=1',
      'Changed, and shown to readers of an alias once it is equal',
    ],
  )

  #report(copied: CopyResult): void {
    this.print(copyLines(copied, {width: this.width}))
    countWritten(copied)
    if (!copied.complete && !copied.dryRun) exitAtLeast(EXIT_CODES.INCOMPLETE)
  }

  /** `only`: the one source, by a name of its own or an alias. */
  async #options(
    flags: ColCopyFlags,
    settings: Settings,
    {name, only}: {name: string | undefined; only: string | undefined},
  ): Promise<CopyRunOptions> {
    // A copy without a name of its own is called as its source.
    const noted = notingName(name === undefined ? only : undefined, this.onProgress)
    return {
      ...this.operation({remove: ['--restart'], replace: noted.places}),
      onProgress: noted.onProgress,
      ...(await ownWritingOptions(flags, settings)),
      includeOffloaded: flags['include-offloaded'],
      name,
      waitReplicasMs: milliseconds(flags['wait-replicas']),
    }
  }

  async run(): Promise<CopyResult | {collections: CopyResult[]; failed?: LeftOut[]}> {
    const {args, flags} = await this.parse(ColCopy)
    const given = [...(args.source === undefined ? [] : [args.source]), ...(flags.also ?? [])]
    const names = namesOrAll(given, flags.all, 'SOURCE')
    const isSeveral = names === 'all' || names.length > 1 || names.some((name) => isPattern(name))
    if (isSeveral && args.target !== undefined)
      throw new DataOpsError('INVALID_INPUT', 'TARGET needs a single source.', {
        hint: 'Copy them one by one, or leave out the name.',
      })
    const settings = await this.settings()
    const {first, second} = await this.connectBoth(['source', 'target'])
    const {CopyManager} = await import('../../src/jobs/copy/manager.js')
    const manager = new CopyManager(first, second, {
      directory: flags['checkpoint-dir'] ?? flags.output,
      stateDirectory: this.stateDirectory,
    })
    const options = await this.#options(flags, settings, {
      name: args.target,
      only: isSeveral ? undefined : names[0],
    })
    if (!isSeveral) {
      const copied = await manager.copyCollection(names[0] ?? '', options)
      this.#report(copied)
      return copied
    }

    const {collections, failed = []} = await manager.copyCollections(names, {
      ...options,
      exclude: flags.exclude,
      keepGoing: flags['keep-going'],
      onConfirmed: (copied) => {
        this.#report(copied)
      },
    })
    if (collections.length + failed.length === 0) this.print(['There is no collection to copy.'])
    return {collections, ...(failed.length > 0 && {failed: failed.map((one) => this.leaveOut(one, 'NOT copied'))})}
  }
}
