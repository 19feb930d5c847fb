import {Args, Flags} from '@oclif/core'

import {type BackupEntry, backupEntry} from '../../src/cli/backup-entry.js'
import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {modeFlag, placeFlags, recipientFlags} from '../../src/cli/flags.js'
import {oneToChange} from '../../src/cli/one-to-change.js'
import {DataOpsError} from '../../src/model/errors.js'

export default class BackupRekey extends DataOpsCommand {
  static override summary = 'Change who can open an encrypted backup.'

  static override usage = '<%= command.id %> BACKUP --identity <path> --encrypt-to <recipient> [flags]'

  static override description = `Writes the small file with the backup's key anew, for the recipients named; the data is not touched. Whoever has opened the key before may still have it: what they must not read needs a new backup.`

  static override args = {
    backup: Args.string({
      description:
        'Id (or the beginning of it), name or path of a backup in the folder; Article@latest, Article@2026-02-01.',
      ignoreStdin: true,
      required: true,
    }),
  }

  static override flags = {
    ...placeFlags,
    mode: modeFlag,
    ...recipientFlags,
    'new-passphrase': Flags.boolean({
      description: 'Ask for a passphrase that opens it from now on (env ELYSIACTL_NEW_PASSPHRASE).',
      helpGroup: 'ENCRYPTION',
    }),
  }

  static override examples = examples(['5f0c --identity me.txt --encrypt-to age1…', 'To somebody else alone'])

  async run(): Promise<{rekeyed: BackupEntry}> {
    const {args, flags} = await this.parse(BackupRekey)
    const {catalog, store} = await this.catalogIn(flags.output, this.operation({}))
    const {askedPassphrase, recipientsOf} = await import('../../src/cli/encryption.js')
    const encryptTo = await recipientsOf(flags)
    if (flags['new-passphrase'] && encryptTo.length > 0) {
      throw new DataOpsError('INVALID_INPUT', 'A backup is encrypted to recipients or with a passphrase, not both.', {
        hint: 'Leave one of them out.',
      })
    }

    const passphrase = flags['new-passphrase']
      ? await askedPassphrase(process.env.ELYSIACTL_NEW_PASSPHRASE, {
          isNew: true,
          question: 'New passphrase: ',
          variable: 'ELYSIACTL_NEW_PASSPHRASE',
        })
      : undefined
    const reference = await oneToChange(args.backup, store, 'rekeyed')
    this.operation({replace: new Map([[args.backup, [reference]]])})
    const rekeyed = backupEntry(await catalog.rekey(reference, {encryptTo, passphrase}), store)
    this.print([`Backup ${rekeyed.id} has another key file: ${rekeyed.path}`])
    return {rekeyed}
  }
}
