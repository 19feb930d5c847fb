import {Args, Flags} from '@oclif/core'

import type {ClearManager} from '../../src/jobs/clear/manager.js'
import type {ClearOptions, ClearResult} from '../../src/jobs/clear/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {
  consistencyFlag,
  encryptionFlags,
  milliseconds,
  modeFlag,
  outputFlag,
  REPEATED,
  retryFlags,
  retryOptions,
  waitReplicasFlag,
} from '../../src/cli/flags.js'
import {ask, canAsk} from '../../src/cli/prompt.js'
import {clearLines} from '../../src/cli/results.js'
import {leavesSome} from '../../src/cli/unread.js'
import {DataOpsError} from '../../src/model/errors.js'
import {plural} from '../../src/model/plural.js'

/** @throws Error. */
function parseQuiet(text: string): number {
  const seconds = Number(text)
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds < 0) throw new Error('needs a number of seconds, or 0')
  return seconds
}

export default class ColClear extends DataOpsCommand {
  static override summary = 'Delete every object of a collection.'

  static override usage = '<%= command.id %> NAME [flags]'

  static override description = `Keeps the collection with its schema, tenants and aliases. On a terminal the name has to be typed to confirm; elsewhere --force is required. Protected names also need --allow-protected.`

  static override args = {
    name: Args.string({description: 'Collection; an alias is refused.', ignoreStdin: true, required: true}),
  }

  static override flags = {
    ...encryptionFlags,
    mode: modeFlag,
    'allow-protected': Flags.boolean({description: 'Clear a collection whose name is protected.'}),
    'backup-first': Flags.boolean({
      description: 'Seal and verify a backup first, and delete nothing but what it holds.',
    }),
    consistency: consistencyFlag,
    'dry-run': Flags.boolean({description: 'Count; delete nothing.'}),
    force: Flags.boolean({description: 'Do not ask.'}),
    'include-offloaded': Flags.boolean({
      dependsOn: ['backup-first'],
      description: 'Onload offloaded tenants for --backup-first; else nothing is cleared when there are any.',
    }),
    'keep-schema': Flags.boolean({
      allowNo: true,
      default: true,
      description: 'Delete the objects one by one (default), or drop the collection and create it again.',
    }),
    output: {
      ...outputFlag,
      description:
        'Place for --backup-first and for the schema of a dropped collection; default ./backups (env ELYSIACTL_BACKUPS).',
    },
    protected: Flags.string({
      description:
        'One more protected name, * stands for any text; may be repeated (env ELYSIACTL_PROTECTED: in place of the usual ones).',
      helpValue: '<pattern>',
      ...REPEATED,
    }),
    'quiet-for': Flags.custom<number>({
      description: 'Seconds in which nothing may change before --no-keep-schema drops; default 2.',
      helpValue: '<seconds>',
      parse: async (text) => parseQuiet(text),
    })(),
    ...retryFlags,
    'wait-replicas': {...waitReplicasFlag, dependsOn: ['backup-first']},
  }

  static override examples = examples(
    ['Article', 'Asks for the name first'],
    ['Article --dry-run', 'How many would go?'],
    ['Article --backup-first --force', 'In a script, with a backup to go back to'],
    ['Article --no-keep-schema', 'Drop and create again: faster on large collections'],
  )

  /** Whatever the manager would refuse is refused before the question. */
  async #confirm(manager: ClearManager, name: string, options: ClearOptions): Promise<void> {
    const {remaining, tenantsNotCounted = []} = await manager.clearCollection(name, {
      ...options,
      backupFirst: false,
      dryRun: true,
    })
    this.progress.stop()
    const what = options.keepSchema ? plural(remaining, 'object') : `the collection with ${plural(remaining, 'object')}`
    const notCounted =
      tenantsNotCounted.length > 0 ? ` (not those in ${plural(tenantsNotCounted.length, 'offloaded tenant')})` : ''
    const answer = await ask(`This deletes ${what} of ${name}${notCounted}. Type the name to confirm: `)
    if (answer !== name)
      throw new DataOpsError('NOT_CONFIRMED', `Clearing ${name} was not confirmed; nothing was changed.`)
  }

  async run(): Promise<ClearResult> {
    const {args, flags} = await this.parse(ColClear)
    const isMustAsk = !flags.force && !flags['dry-run']
    if (isMustAsk && !canAsk())
      throw new DataOpsError('NOT_CONFIRMED', `Clearing ${args.name} was not confirmed; nothing was changed.`, {
        hint: 'Where nobody can be asked, say --force.',
      })

    const settings = await this.settings()
    const connection = await this.connect()
    const {ClearManager} = await import('../../src/jobs/clear/manager.js')
    const manager = new ClearManager(connection, await this.managerOptions(flags.output))
    const options: ClearOptions = {
      ...this.operation({}),
      ...retryOptions(flags),
      allowProtected: flags['allow-protected'],
      backupFirst: flags['backup-first'] && {
        includeOffloaded: flags['include-offloaded'],
        waitReplicasMs: milliseconds(flags['wait-replicas']),
      },
      consistency: flags.consistency,
      dryRun: flags['dry-run'],
      keepSchema: flags['keep-schema'],
      quietForMs: milliseconds(flags['quiet-for']),
      protectedNames: [...(settings.protectedNames?.value ?? []), ...(flags.protected ?? [])],
    }

    if (isMustAsk) await this.#confirm(manager, args.name, options)
    const result = await manager.clearCollection(args.name, options)
    if (result.backup && !result.dryRun)
      result.warnings.push(...(await this.announce('elysia:backup:sealed', {backup: result.backup})))
    this.print(clearLines(result))
    if (leavesSome(result)) this.exitWith('INCOMPLETE')
    return result
  }
}
