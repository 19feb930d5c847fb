import {Flags} from '@oclif/core'

import type {BackupReport} from '../../src/jobs/inspect/report.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {backupArgument, placeFlags} from '../../src/cli/flags.js'
import {reportLines} from '../../src/cli/report/lines.js'

export default class BackupReportCommand extends DataOpsCommand {
  static override summary = 'Say what a backup holds: values, vectors, tenants.'

  static override usage = '<%= command.id %> BACKUP [flags]'

  static override description = `Reads every object once, in little memory, without a server, and verifies it on the way as \`backup verify\` does. With --html the report is one page that needs no network: histograms, vector norms, a map of a sample of the vectors. The page shows values of the backup; of an encrypted one it is as readable as any file.`

  static override args = {backup: backupArgument}

  static override flags = {
    ...placeFlags,
    'colour-by': Flags.string({
      aliases: ['color-by'],
      description:
        'Property that colours the map of the vectors first; default: one with few values. The page offers others.',
      helpValue: '<property>',
    }),
    html: Flags.string({description: 'File to write the page to; one that is there is replaced.', helpValue: '<file>'}),
  }

  static override examples = examples(
    ['Article@latest', 'As a table'],
    ['Article@latest --html article.html --colour-by topic', 'As a page'],
  )

  async run(): Promise<BackupReport & {backupId: string; html?: string; path: string}> {
    const {args, flags} = await this.parse(BackupReportCommand)
    const {'colour-by': colourBy, html} = flags
    if (html !== undefined) {
      const {checkPagePlace} = await import('../../src/cli/report/write.js')
      await checkPagePlace(html)
    }

    const {reportOn} = await import('../../src/jobs/inspect/report.js')
    const operation = this.operation()
    const {archive, cover} = await this.openBackup(args.backup, flags.output, operation)
    const report = await reportOn(archive, {...operation, colourBy})
    if (html !== undefined) {
      const {reportPage} = await import('../../src/cli/report/page.js')
      const {writePage} = await import('../../src/cli/report/write.js')
      await writePage(html, reportPage(archive, report))
      if (cover)
        this.warnOf({message: `The backup is encrypted, and ${html} shows values of it to whoever can read it.`})
    }

    this.print([...reportLines(report, this.tableWidth), ...(html === undefined ? [] : [`The page is in ${html}`])])
    const result = {...report, backupId: archive.head.metadata.backup_id, path: archive.path}
    return html === undefined ? result : {...result, html}
  }
}
