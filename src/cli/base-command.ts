/** What every command has: settings, connection, progress, interruption, and errors that a person can act on. */
import {Command, Errors, type Interfaces} from '@oclif/core'

import type {BackupCatalog} from '../catalog/catalog.js'
import type {OpenedArchive} from '../catalog/locate.js'
import type {JobManager} from '../jobs/machines/manager.js'
import type {ManagerOptions} from '../jobs/options.js'
import type {OperationOptions, ProgressEvent, Warning} from '../model/progress.js'
import type {EncryptionOptions} from '../store/encryption.js'
import type {Store} from '../store/store.js'
import type {Connection} from '../weaviate/connection.js'
import type {ServerName} from '../weaviate/which-server.js'
import type {EncryptionFlags} from './encryption.js'
import type {SecondServerFlags} from './second-server.js'
import type {BothConnections} from './two-servers.js'

import {askHost, type HostAnswers} from '../config/host.js'
import {connectOptions, resolveSetting, resolveSettings, secretsOf, type Settings} from '../config/settings.js'
import {EXIT_CODES} from '../model/errors.js'
import {secretsInUserInfo} from '../model/user-info.js'
import {type Continuation, continued} from './continuation.js'
import {callLogger, maskDebugOutput, secretsOfCall} from './debug-output.js'
import {asDataOpsError, type FailureDescription, withSource} from './failure.js'
import {globalFlags, serverValues} from './flags.js'
import {printable, wrapLine} from './format.js'
import {asTyped, warningsAsTyped} from './hints.js'
import {Interrupt} from './interrupt.js'
import {checkedPlace, checkFolder, type PlaceFlags} from './place.js'
import {ProgressReporter} from './progress.js'
import {redact, redactDeep, shellLine, withoutSecrets} from './secrets.js'
import {exitAtLeast, type LeftOut, leftOut, leftOutLines} from './several.js'
import {keepHeapSmall} from './small-heap.js'
import {stateDirectoryOf} from './state-directory.js'
import {guardStreams} from './streams.js'
import {watchOver} from './unfinished.js'
import {refuseValuesOfSwitches, usageError} from './usage.js'

/** The flags that base-command itself looks at. */
interface GlobalFlags
  extends EncryptionFlags, Partial<Interfaces.InferredFlags<typeof globalFlags>>, SecondServerFlags {
  'batch-size'?: number
  output?: string
  workers?: number
}

export abstract class DataOpsCommand extends Command {
  static override readonly baseFlags = globalFlags
  static override readonly enableJsonFlag = true

  #answers: HostAnswers | undefined
  readonly #connections: Connection[] = []
  #encryption: EncryptionOptions | undefined
  #flags: GlobalFlags = {}
  #interrupt: Interrupt | undefined
  #progress: ProgressReporter | undefined
  /** Who named the place of the backups; undefined: nobody did. */
  protected placeFrom: string | undefined
  #resumable: Continuation | undefined
  readonly #secrets: string[]
  #second: Settings | undefined
  #settings: Settings | undefined
  #unwatch: (() => void) | undefined

  constructor(argv: string[], config: Interfaces.Config) {
    super(argv, config as ConstructorParameters<typeof Command>[1])
    this.#secrets = secretsOfCall(argv, process.env)
    if (process.env.DEBUG) maskDebugOutput(this.#secrets)
    guardStreams()
  }

  protected override async init(): Promise<void> {
    this.#unwatch = watchOver(() => this.jsonEnabled())
    await super.init()
  }

  #describe(error: unknown): FailureDescription {
    const known = withSource(asDataOpsError(error), this.#settings, this.#second)
    const resume =
      known.code === 'INTERRUPTED' && this.#resumable
        ? `${this.commandLine} ${shellLine(this.continuedArguments(this.#resumable))}`
        : undefined
    const {saved} = known.details
    const back = typeof saved === 'string' ? ` What was there before is saved in ${saved}.` : ''
    const hint = resume ? `To continue: ${resume}${back}` : known.hint
    return redactDeep(
      {
        code: known.code,
        details: resume ? {...known.details, resumeCommand: resume} : known.details,
        exitCode: EXIT_CODES[known.code] ?? 1,
        ...(hint && {hint: asTyped(hint)}),
        message: asTyped(known.message),
      },
      this.#secrets,
    ) as FailureDescription
  }

  /** The arguments of this command that go on with what it did. */
  protected continuedArguments(how: Continuation): string[] {
    return continued(this.argv, {...this.ctor.baseFlags, ...this.ctor.flags}, how)
  }

  /** Wrong arguments are the person's, whatever oclif throws: exit 2 and one sentence. */
  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput & unknown>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput & unknown>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput & unknown>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    try {
      refuseValuesOfSwitches(this.argv, {...this.ctor.baseFlags, ...this.ctor.flags, json: {type: 'boolean'}})
      const parsed = await super.parse(options, argv)
      const {sweepTemporaryFolders} = await import('../flow/temporary-folder.js')
      sweepTemporaryFolders()
      this.#flags = parsed.flags
      if (this.ctor.flags && 'output' in this.ctor.flags) {
        const flags = parsed.flags as PlaceFlags
        flags.output = await this.#placeOfBackups(flags)
        await checkFolder(flags.output, 'Backups', 'output')
      }

      const checkpoints: unknown = parsed.flags['checkpoint-dir']
      if (typeof checkpoints === 'string') await checkFolder(checkpoints, 'A checkpoint', 'checkpoint-dir')
      return parsed
    } catch (error) {
      throw usageError(error, {
        argv: this.argv,
        command: this.commandLine,
        config: this.config,
        flagNames: Object.keys({...this.ctor.baseFlags, ...this.ctor.flags, json: true}),
        id: this.id ?? '',
      })
    }
  }

  /** Where the backups lie, by the strongest source; checked before anything else. */
  async #placeOfBackups(flags: PlaceFlags): Promise<string> {
    const {output: given} = flags
    const {file, host} = given === undefined ? await this.#ask() : {file: undefined, host: undefined}
    const setting = resolveSetting('backups', {env: process.env, file, flags: {backups: given}, host})
    if (setting?.kind !== 'default') this.placeFrom = setting?.from
    this.#secrets.push(...secretsInUserInfo(setting?.value ?? ''))
    return checkedPlace(setting?.value ?? './backups', flags)
  }

  /** What the host and the settings file answer, asked for once. */
  async #ask(): Promise<HostAnswers> {
    const settingsFile = [this.#flags.config, process.env.ELYSIACTL_CONFIG].find(Boolean)
    this.#answers ??= await askHost(this.config, settingsFile)
    return this.#answers
  }

  /** Threads, by the strongest source: for what needs no server, and so no setting of one. */
  protected async workers(): Promise<number | undefined> {
    const {file, host} = await this.#ask()
    return resolveSetting('workers', {env: process.env, file, flags: {workers: this.#flags.workers}, host})?.value
  }

  /** `elysiactl col backup` */
  protected get commandLine(): string {
    return [this.config.bin, ...(this.id ?? '').split(':')].join(' ')
  }

  /** Every setting with its source, asked for once. */
  protected async settings(): Promise<Settings> {
    if (this.#settings) return this.#settings
    const flags = this.#flags
    const answers = await this.#ask()
    const given = {...serverValues(flags), batchSize: flags['batch-size'], workers: flags.workers}
    this.#settings = resolveSettings({env: process.env, file: answers.file, flags: given, host: answers.host})
    this.#secrets.push(...secretsOf(this.#settings))
    for (const warning of answers.warnings) this.warnOf(warning)
    return this.#settings
  }

  /** Connects as the settings say; closed when the command ends. */
  protected async connect(): Promise<Connection> {
    return this.#open(await this.settings())
  }

  /** The same to two servers, of a command with flags for the second, by what the job calls them; no second: none was named. */
  protected async connectBoth(names: readonly [ServerName, ServerName]): Promise<BothConnections> {
    const {openBoth, secondSettings} = await import('./two-servers.js')
    const settings = await this.settings()
    this.#second = secondSettings(this.#flags)
    if (!this.#second) return {first: await this.#open(settings)}
    this.#secrets.push(...secretsOf(this.#second))
    const open = async (of: Settings, warn = this.warnOf): Promise<Connection> => this.#open(of, warn)
    return openBoth(names, [settings, this.#second], {open, warn: this.warnOf})
  }

  async #open(settings: Settings, onWarning = this.warnOf): Promise<Connection> {
    const options = connectOptions(settings)
    if (settings.caFile) {
      const {readCaFile} = await import('./ca-file.js')
      options.ca = await readCaFile(settings.caFile.value, settings.caFile.from)
    }

    const {connect} = await import('../weaviate/connect.js')
    const connection = await connect({...options, onCall: callLogger(process.env.DEBUG), onWarning})
    this.#connections.push(connection)
    return connection
  }

  /** Where notes of activated tenants go when the folder of the backups cannot take them: the user's own folder for what programs must remember. */
  protected get stateDirectory(): string {
    return stateDirectoryOf(this.config)
  }

  /** What opens encrypted backups and, for those that write some, whom new ones are encrypted to. */
  protected async encryption(writes = Boolean(this.ctor.flags?.['hide-names'])): Promise<EncryptionOptions> {
    const {encryptionFrom, secretsOfEncryption} = await import('./encryption.js')
    const {file, host} = await this.#ask()
    this.#encryption ??= await encryptionFrom(this.#flags, {env: process.env, file, host}, writes)
    this.#secrets.push(...secretsOfEncryption(this.#encryption))
    return this.#encryption
  }

  /** What a manager works with. */
  protected async managerOptions(directory: string | undefined): Promise<ManagerOptions> {
    return {directory, stateDirectory: this.stateDirectory, ...(await this.encryption())}
  }

  /** Jobs of several machines, through the place of the backups. */
  protected async jobManager(directory: string): Promise<JobManager> {
    const {JobManager: Manager} = await import('../jobs/machines/manager.js')
    return new Manager(await this.managerOptions(directory))
  }

  /** A backup, opened to be read. */
  protected async openBackup(
    reference: string,
    directory: string,
    operation: OperationOptions,
  ): Promise<OpenedArchive> {
    const {openArchive} = await import('../catalog/locate.js')
    return openArchive(reference, (await this.catalogIn(directory)).store, operation)
  }

  /** The catalog of a folder, and its store. `signal`: ends what it does, between two steps. */
  protected async catalogIn(
    directory: string,
    {signal}: {signal?: AbortSignal} = {},
  ): Promise<{catalog: BackupCatalog; store: Store}> {
    const {BackupCatalog} = await import('../catalog/catalog.js')
    const {openStore} = await import('../store/open.js')
    const {withEncryption} = await import('../store/encryption.js')
    const {onProgress, stateDirectory, warnOf: onWarning} = this
    const store = withEncryption(openStore(directory), await this.encryption())
    return {catalog: new BackupCatalog(store, {onProgress, onWarning, signal, stateDirectory}), store}
  }

  /**
   * What a manager's call takes: progress, warnings, and a signal that Ctrl-C aborts.
   * @param resume how the same command is continued after an interruption; none: it is not
   */
  protected operation(resume?: Continuation): Required<OperationOptions> {
    keepHeapSmall()
    this.#resumable = resume
    this.#interrupt ??= new Interrupt((name) => {
      this.progress.print(`Stopping (${name}): finishing the page in hand. Once more to stop at once.`)
    })
    return {
      onProgress: this.onProgress,
      onWarning: this.warnOf,
      signal: this.#interrupt.signal,
    }
  }

  protected get progress(): ProgressReporter {
    const {progress, quiet} = this.#flags
    const isSimple = Boolean(process.env.CI) || process.env.TERM === 'dumb'
    const plain = progress === 'plain' || isSimple || this.jsonEnabled()
    this.#progress ??= new ProgressReporter({json: progress === 'json', plain, quiet})
    return this.#progress
  }

  protected readonly onProgress = (event: ProgressEvent): void => {
    this.progress.update(event)
  }

  /** Warnings go to stderr, also with `--json`. */
  protected readonly warnOf = (warning: Pick<Warning, 'message'>): void => {
    this.progress.warn({message: redact(asTyped(warning.message), this.#secrets)})
  }

  /** Prints lines to stdout, unless with `--json`; whatever a backup or server put into them cannot steer the terminal. `width`: of what is wrapped. */
  protected print(lines: readonly string[], width = this.tableWidth): void {
    this.progress.stop()
    const shown = lines.flatMap((each) => wrapLine(printable(redact(each, this.#secrets)), width))
    for (const line of shown) this.log('%s', line)
  }

  /** Characters of a line, for what is cut to fit it; of a terminal only, what is piped stays as it is. */
  protected get width(): number {
    return Math.min(this.tableWidth, process.stdout.isTTY ? Infinity : 120)
  }

  /** The same for tables, which a program that reads them gets whole. */
  protected get tableWidth(): number {
    const {columns, isTTY} = process.stdout
    // Some terminals do not say.
    return isTTY ? columns || 80 : Infinity
  }

  /** Says, on stderr, which command is useful next: its words behind the name of the program. */
  protected suggest(what: string, words: readonly string[]): void {
    if (this.#flags.quiet || this.#flags.progress === 'json' || this.jsonEnabled()) return
    const {output} = this.#flags
    const isNamed = words.some((word) => /^(?:-[ob]|--output|--backups)/.test(word))
    const place = isNamed || output === undefined || output === './backups' ? [] : ['-o', output]
    this.progress.print(`${what}: ${this.config.bin} ${shellLine([...withoutSecrets(words), ...place])}`)
  }

  /** With exit code 0, whatever is under way. */
  protected endAtOnce(): void {
    this.#unwatch?.()
    // eslint-disable-next-line unicorn/no-process-exit -- what does not answer would be waited for otherwise
    process.exit(0)
  }

  /** The result stands and is printed, but the exit code says that not all is well. */
  protected exitWith(
    code: 'BACKUP_DAMAGED' | 'CONTENT_DIFFERS' | 'INCOMPLETE' | 'OBJECTS_REFUSED' | 'UNEXPECTED',
  ): void {
    process.exitCode = EXIT_CODES[code]
  }

  /** One of several that was not done: said, and counted into the exit code. `what`: `NOT restored`. */
  protected leaveOut(one: Parameters<typeof leftOut>[0], what: string): LeftOut {
    const left = leftOut(one)
    this.print(leftOutLines(left, what))
    exitAtLeast(left.exitCode)
    return left
  }

  /**
   * Tells other plugins. The work is done and stays done when one of them fails: the result is printed, with a warning, and the exit code is 1.
   */
  protected async announce(
    event: 'elysia:backup:sealed' | 'elysia:restore:confirmed',
    payload: Record<string, unknown>,
  ): Promise<Warning[]> {
    const failures: Array<{error: unknown; plugin: string}> = []
    try {
      const outcome = await this.config.runHook(event, payload)
      for (const {error, plugin} of outcome.failures) failures.push({error, plugin: plugin.name})
    } catch (error) {
      failures.push({error, plugin: 'a plugin'})
    }

    return failures.map(({error, plugin}) => {
      const reason = error instanceof Error ? error.message : String(error)
      const message = redact(`The hook ${event} of ${plugin} failed: ${reason}`, this.#secrets)
      this.warnOf({message})
      this.exitWith('UNEXPECTED')
      return {code: 'hook-failed', details: {event, plugin}, message}
    })
  }

  protected override async catch(error: Error & {exitCode?: number}): Promise<void> {
    this.progress.stop('failed')
    // `this.exit()` and a host's own way out.
    if ((error as {code?: unknown}).code === 'EEXIT') throw error
    const failure = this.#describe(error)
    process.exitCode = failure.exitCode
    if (this.jsonEnabled()) {
      this.logJson(this.toErrorJson(error))
      return
    }

    process.stderr.write(`Error: ${printable(failure.message)}\n`)
    if (failure.hint) process.stderr.write(`${printable(failure.hint)}\n`)
    // Printed here: oclif would wrap paths and commands, and print the causes. It still sets the exit code.
    const shown = new Errors.CLIError(failure.message, {
      code: failure.code,
      exit: failure.exitCode,
      suggestions: failure.hint ? [failure.hint] : [],
    })
    shown.skipOclifErrorHandling = true
    throw shown
  }

  protected override toErrorJson(error: unknown): {error: FailureDescription} {
    return {error: this.#describe(error)}
  }

  protected override toSuccessJson(result: unknown): unknown {
    return redactDeep(warningsAsTyped(result), this.#secrets)
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.#progress?.stop(error ? 'failed' : 'done')
    this.#interrupt?.dispose()
    // What the job came to is known; a connection that does not close cleanly changes nothing.
    for (const connection of this.#connections) await connection.close().catch(() => undefined)
    await super.finally(error)
    this.#unwatch?.()
  }
}
