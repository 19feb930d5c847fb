import {DataOpsCommand} from '../src/cli/base-command.js'
import {type Fitting, settingsTyped, whatFits} from '../src/cli/completion/fits.js'
import {newestOfEach} from '../src/cli/completion/newest.js'
import {examples} from '../src/cli/examples.js'
import {globalFlags, openingFlags, outputFlag} from '../src/cli/flags.js'

/** Who presses a key waits no longer, milliseconds. */
const PATIENCE = 2000
/** What a shell takes for one word, without quotes. */
const PLAIN = /^[\w%+,./:=@-]+$/

const {passphrase: _, ...flags} = {...openingFlags, output: outputFlag}

export default class Complete extends DataOpsCommand {
  static override summary = 'Print what fits a line that is being typed, one a line.'

  static override usage = '<%= command.id %> -- WORD…'

  static override description = `For the scripts of \`completion\`. The last word is the one that is being typed, and may be empty. Says nothing when something fails.`

  static override flags = flags

  static override hidden = true

  static override strict = false

  static override examples = examples(['-- col backup Art', 'Collections that start so'])

  async run(): Promise<{words: string[]}> {
    const start = this.argv.indexOf('--')
    const typed = start === -1 ? [''] : this.argv.slice(start + 1)
    const fitting = whatFits(typed, this.config.commands)
    const current = (typed.at(-1) ?? '').slice(fitting.prefix.length)
    const found = await this.#inTime(fitting, typed)
    const words = [...new Set(found)]
      .filter((word) => word.startsWith(current) && PLAIN.test(word))
      .map((word) => `${fitting.prefix}${word}`)
    if (words.length > 0) this.log('%s', words.join('\n'))
    return {words}
  }

  async #inTime(fitting: Fitting, typed: readonly string[]): Promise<string[]> {
    if (fitting.kind === 'words') return fitting.words
    if (fitting.kind === 'files') return []
    const late = setTimeout(() => {
      this.endAtOnce()
    }, PATIENCE)
    try {
      const settings = ['--quiet', ...settingsTyped(typed, {...globalFlags, ...flags})]
      const {flags: parsed} = await this.parse(Complete, settings)
      return await (fitting.kind === 'collections' ? this.#collections() : this.#backups(parsed.output))
    } finally {
      clearTimeout(late)
    }
  }

  async #collections(): Promise<string[]> {
    const connection = await this.connect()
    return (await connection.listCollections()).map((each) => each.class).toSorted()
  }

  async #backups(place: string): Promise<string[]> {
    const {catalog} = await this.catalogIn(place)
    const backups = await catalog.list()
    if (backups.length === 0) return []
    return ['latest', ...newestOfEach(backups), ...backups.map(({id}) => id.slice(0, 8))]
  }

  protected override readonly warnOf = (): void => {
    // A word that is being typed is no place for it.
  }

  protected override async catch(): Promise<void> {
    process.exitCode = 0
  }
}
