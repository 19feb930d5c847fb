import {Flags} from '@oclif/core'

import type {CopyBackupResult} from '../../src/jobs/backup-copy/copy-backup.js'

import {DataOpsCommand} from '../../src/cli/base-command.js'
import {examples} from '../../src/cli/examples.js'
import {backupArgument, lockFlags, modeFlag, placeFlags} from '../../src/cli/flags.js'
import {formatBytes} from '../../src/cli/format.js'
import {nameForEver} from '../../src/cli/moving-names.js'
import {checkedPlace, checkFolder} from '../../src/cli/place.js'

export default class BackupCopy extends DataOpsCommand {
  static override summary = 'Copy a backup to another place.'

  static override usage = '<%= command.id %> BACKUP --to <place> [flags]'

  static override description = `Whole and verified, or not there at all; from and to any kind of place. An encrypted backup is copied as it is, without a key. An interrupted copy is gone on with by the next run; one that is there already is read, and gets the key files that its backup was given since.`

  static override args = {backup: backupArgument}

  static override flags = {
    ...placeFlags,
    ...lockFlags,
    mode: modeFlag,
    to: Flags.string({
      description:
        'Place that it goes to: a folder, s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix.',
      helpValue: '<place>',
      required: true,
    }),
  }

  static override examples = examples(
    ['Article@latest --to s3://bucket/prefix', 'The newest one, from the folder into a bucket'],
    ['5f0c -o s3://bucket/prefix --to gs://other/prefix --lock-for 30d', 'From cloud to cloud, locked there'],
  )

  async run(): Promise<CopyBackupResult> {
    const {args, flags} = await this.parse(BackupCopy)
    const {copyBackup} = await import('../../src/jobs/backup-copy/copy-backup.js')
    const to = await checkedPlace(flags.to, flags)
    await checkFolder(to, 'Backups', 'to')
    const {store} = await this.catalogIn(flags.output)
    const {places, reference} = await nameForEver(args.backup, store, this.operation({}))
    const copied = await copyBackup(reference, {
      ...this.operation({replace: places}),
      directory: flags.output,
      ...(await this.encryption()),
      lockForMs: flags['lock-for'],
      lockMode: flags['lock-mode'],
      to,
    })
    const {bytes, id, path, wasThere} = copied
    this.print([
      wasThere
        ? `Backup ${id} was there already, and is whole: ${path}`
        : `Copied backup ${id} (${formatBytes(bytes)}): ${path}`,
    ])
    return copied
  }
}
