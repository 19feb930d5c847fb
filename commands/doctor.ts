import type {Finding} from '../src/jobs/doctor/finding.js'
import type {Connection} from '../src/weaviate/connection.js'

import {DataOpsCommand} from '../src/cli/base-command.js'
import {examples} from '../src/cli/examples.js'
import {outputFlag} from '../src/cli/flags.js'
import {asTyped} from '../src/cli/hints.js'
import {exitAtLeast} from '../src/cli/several.js'
import {DataOpsError, EXIT_CODES} from '../src/model/errors.js'

const MARKS: Readonly<Record<Finding['level'], string>> = {error: '✘', ok: '✔', unknown: '?', warning: '!'}

export interface DoctorResult {
  findings: Finding[]
  healthy: boolean
}

export default class Doctor extends DataOpsCommand {
  static override summary = 'Look for what would keep backups and restores from working.'

  static override usage = '<%= command.id %> [flags]'

  static override description = `Server: reached by REST and gRPC, and the same one, version, permissions for each job, clock, replicas. Place: writable, conditional writes honoured, free space, catalog, leftovers of killed runs. Changes nothing but one small file that it removes again. Each finding comes with its mend. The exit code is that of the gravest error, 3 when there are only warnings.`

  static override flags = {output: outputFlag}

  static override examples = examples(
    ['', 'The server and folder of the settings'],
    ['-o /var/backups --json', 'For monitoring'],
  )

  async run(): Promise<DoctorResult> {
    const {flags} = await this.parse(Doctor)
    const {examine} = await import('../src/jobs/doctor/doctor.js')
    const {openStore} = await import('../src/store/open.js')
    const {signal} = this.operation()
    const findings = (
      await examine({
        connection: await this.#connection(),
        signal,
        stateDirectory: this.stateDirectory,
        store: openStore(flags.output),
      })
    ).map((finding) => ({
      ...finding,
      ...(finding.hint !== undefined && {hint: asTyped(finding.hint)}),
      message: asTyped(finding.message),
    }))
    this.print(
      findings.flatMap(({hint, level, message}) => [
        `${MARKS[level]} ${message}`,
        ...(hint === undefined ? [] : [`    ${hint}`]),
      ]),
    )
    for (const {code = 'UNEXPECTED', level} of findings) {
      if (level === 'error') exitAtLeast(EXIT_CODES[code])
      else if (level === 'warning') exitAtLeast(EXIT_CODES.INCOMPLETE)
    }

    return {findings, healthy: findings.every(({level}) => level === 'ok' || level === 'unknown')}
  }

  /** Or why there is none. */
  async #connection(): Promise<Connection | DataOpsError> {
    try {
      return await this.connect()
    } catch (error) {
      if (error instanceof DataOpsError && error.code !== 'INVALID_INPUT') return error
      throw error
    }
  }
}
