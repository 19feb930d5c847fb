// Writes the command reference of docs/cli.md from oclif.manifest.json; what stands above the marker is written by hand.
// `--check` writes nothing, and fails when the file is not what it would write.
import {readFile, writeFile} from 'node:fs/promises'

const MARKER = '<!-- From here on written by scripts/generate-cli-docs.mjs. -->'
const BIN = 'elysiactl'
const cliDocs = new URL('../docs/cli.md', import.meta.url)

/** @param {string} text with oclif's `<%= … %>` */
function fill(text, id) {
  return text.replaceAll('<%= config.bin %>', () => BIN).replaceAll('<%= command.id %>', () => id)
}

/** One row of a table; `|` would end the cell. */
function row(...cells) {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', String.raw`\|`)).join(' | ')} |`
}

function flagName(flag) {
  const long = flag.allowNo ? `--[no-]${flag.name}` : `--${flag.name}`
  const value =
    flag.type === 'option' ? ` ${flag.helpValue ?? (flag.options ? flag.options.join('|') : '<value>')}` : ''
  const short = [flag.char, ...(flag.charAliases ?? [])].filter(Boolean).map((char) => `\`-${char}\``)
  const aliases = (flag.aliases ?? []).map((alias) => `\`--${alias}\``)
  return [`\`${long}${value}\``, ...aliases, ...short].join(', ')
}

function flagText(flag) {
  const notes = [
    flag.default === undefined || flag.default === false ? '' : `Default \`${flag.default}\`.`,
    flag.required ? 'Required.' : '',
    flag.multiple ? 'Repeatable.' : '',
  ]
  return [flag.description, ...notes].filter(Boolean).join(' ')
}

function flagTable(flags) {
  return [
    row('flag', 'meaning'),
    row('---', '---'),
    ...flags.toSorted((a, b) => a.name.localeCompare(b.name)).map((flag) => row(flagName(flag), flagText(flag))),
  ]
}

function section(command, globalNames) {
  const id = command.id.replaceAll(':', ' ')
  const args = Object.values(command.args)
  const own = Object.values(command.flags).filter((flag) => !globalNames.has(flag.name))
  const usages = [command.usage ?? `${id} [flags]`].flat()
  return [
    `### ${id}`,
    '',
    command.summary,
    '',
    command.description,
    '',
    '```',
    ...usages.map((usage) => `${BIN} ${fill(usage, id)}`),
    '```',
    '',
    ...(args.length > 0
      ? [
          row('argument', 'meaning'),
          row('---', '---'),
          ...args.map((arg) => row(`\`${arg.name.toUpperCase()}\`${arg.multiple ? ' …' : ''}`, arg.description)),
          '',
        ]
      : []),
    ...(own.length > 0 ? [...flagTable(own), ''] : []),
    '```',
    ...command.examples.flatMap((example) => [`# ${example.description}`, fill(example.command, id)]),
    '```',
    '',
  ]
}

/** The reference, as Markdown. */
function reference({commands}) {
  const all = Object.values(commands)
    .filter(({hidden}) => !hidden)
    .toSorted((a, b) => a.id.localeCompare(b.id))
  const [first, ...others] = all
  const globals = Object.values(first.flags).filter(({name}) => others.every((command) => command.flags[name]))
  // Where backups lie is a flag of every command too, but not the same text everywhere.
  const globalNames = new Set(globals.map(({name}) => name).filter((name) => name !== 'output'))
  return [
    '## Flags of every command',
    '',
    ...flagTable(globals.filter(({name}) => globalNames.has(name))),
    '',
    '## Commands',
    '',
    ...all.flatMap((command) => section(command, globalNames)),
  ].join('\n')
}

const manifest = JSON.parse(await readFile(new URL('../oclif.manifest.json', import.meta.url), 'utf8'))
const current = await readFile(cliDocs, 'utf8')
const [handwritten] = current.split(MARKER)
const wanted = `${handwritten.trimEnd()}\n\n${MARKER}\n\n${reference(manifest).trimEnd()}\n`
if (!process.argv.includes('--check')) await writeFile(cliDocs, wanted)
else if (current !== wanted) {
  console.error('docs/cli.md is not what the commands are: run node scripts/generate-cli-docs.mjs')
  process.exitCode = 1
}
