import {Flags} from '@oclif/core'

import type {BackupVerification} from '../../src/jobs/verify/options.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {chooseBackups} from '../../src/cli/check-backups.js'
import {examples} from '../../src/cli/examples.js'
import {backupsArgument, placeFlags} from '../../src/cli/flags.js'
import {verificationLine, verificationLines} from '../../src/cli/results.js'
import {exitAtLeast, type LeftOut} from '../../src/cli/several.js'
import {DataOpsError, EXIT_CODES} from '../../src/model/errors.js'

export default class BackupVerify extends DataOpsCommand {
  static override summary = 'Check that a backup is what was sealed.'

  static override usage = '<%= command.id %> BACKUP... [flags]'

  static override description = `Works without a server: every hash, every row decoded, counts and the content digest recomputed. The exit code is 4 when something is wrong; of several backups each is looked at.`

  static override args = {backup: backupsArgument}

  static override flags = {
    ...placeFlags,
    quick: Flags.boolean({description: 'Hashes only; nothing is decoded.'}),
    workers: Flags.integer({
      description:
        'Threads, each of which reads parts of the backup; default: one for each core, at most 8, and for each 100,000 objects (with --quick: each 512 MB; env ELYSIACTL_WORKERS).',
      helpValue: '<n>',
      min: 1,
    }),
  }

  static override examples = examples(
    ['5f0c', 'By id'],
    ['backups/Article_2026-02-01_103000.json --quick', 'A file, hashes only'],
    ["'*'", 'The newest of each collection'],
  )

  async run(): Promise<BackupVerification | {backups: BackupVerification[]; failed?: LeftOut[]}> {
    const {args, flags} = await this.parse(BackupVerify)
    const encryption = await this.encryption()
    const {isSeveral, references} = await chooseBackups(args.backup, {
      encryption,
      directory: flags.output,
      onWarning: this.warnOf,
    })
    const {Verifier} = await import('../../src/jobs/verify/verifier.js')
    const workers = await this.workers()
    const verifier = new Verifier({directory: flags.output, ...encryption})
    const verify = async (reference: string): Promise<BackupVerification> => {
      const verification = await verifier.verifyBackup(reference, {...this.operation(), quick: flags.quick, workers})
      this.print(isSeveral ? verificationLine(verification) : verificationLines(verification))
      if (verification.problems.length > 0) exitAtLeast(EXIT_CODES.BACKUP_DAMAGED)
      return verification
    }

    if (!isSeveral) return verify(references[0] ?? '')
    const backups: BackupVerification[] = []
    const failed: LeftOut[] = []
    for (const reference of references) {
      try {
        backups.push(await verify(reference))
      } catch (error) {
        if (!(error instanceof DataOpsError) || error.code === 'INTERRUPTED') throw error
        failed.push(this.leaveOut({backup: reference, error}, 'NOT verified'))
      }
    }

    return {backups, ...(failed.length > 0 && {failed})}
  }
}
