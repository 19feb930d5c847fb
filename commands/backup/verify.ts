import {Args, Flags} from '@oclif/core'

import type {BackupVerification} from '../../src/jobs/verify/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {outputFlag} from '../../src/cli/flags.js'
import {verificationLines} from '../../src/cli/results.js'

export default class BackupVerify extends DataOpsCommand {
  static override summary = 'Check that a backup is what was sealed.'

  static override usage = '<%= command.id %> BACKUP [flags]'

  static override description = `Works without a server: every hash, every row decoded, counts and the content digest recomputed. The exit code is 4 when something is wrong.`

  static override args = {
    backup: Args.string({
      description: 'Path of a backup, or its id (or the beginning of it) in the folder.',
      ignoreStdin: true,
      required: true,
    }),
  }

  static override flags = {
    output: outputFlag,
    quick: Flags.boolean({description: 'Hashes only; nothing is decoded.'}),
  }

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> 5f0c', description: 'By id'},
    {
      command: '<%= config.bin %> <%= command.id %> backups/Article_2026-02-01_103000.json --quick',
      description: 'A file, hashes only',
    },
  ]

  async run(): Promise<BackupVerification> {
    const {args, flags} = await this.parse(BackupVerify)
    const {Verifier} = await import('../../src/jobs/verify/verifier.js')
    const verifier = new Verifier({directory: flags.output})
    const verification = await verifier.verifyBackup(args.backup, {...this.operation(), quick: flags.quick})
    this.print(verificationLines(verification))
    if (verification.problems.length > 0) this.exitWith('BACKUP_DAMAGED')
    return verification
  }
}
