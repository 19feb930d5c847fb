import {Args} from '@oclif/core'

import {DataOpsCommand} from '../src/cli/base-command.js'
import {completionScript, SHELLS} from '../src/cli/completion/scripts.js'

export default class Completion extends DataOpsCommand {
  static override summary = 'Print what completes commands, flags, collections and backups in a shell.'

  static override usage = '<%= command.id %> bash|zsh|fish'

  static override description = `Names of collections come from the server, names of backups from their place: by the settings, and by the flags that stand on the line so far. What does not answer within two seconds completes nothing.`

  static override args = {
    shell: Args.option({options: SHELLS})({
      description: 'Shell that the script is for.',
      ignoreStdin: true,
      required: true,
    }),
  }

  static override examples = [
    {
      command: 'eval "$(<%= config.bin %> <%= command.id %> bash)"',
      description: 'In ~/.bashrc; in ~/.zshrc with zsh, behind compinit',
    },
    {command: '<%= config.bin %> <%= command.id %> fish | source', description: 'In ~/.config/fish/config.fish'},
  ]

  async run(): Promise<{script: string}> {
    const {args} = await this.parse(Completion)
    const script = completionScript(args.shell, this.config.bin)
    if (!this.jsonEnabled()) this.log('%s', script)
    return {script}
  }
}
