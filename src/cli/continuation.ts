/** The command that goes on where one was interrupted. */
import {shellLine, withoutSecrets} from './secrets.js'

/** Flags to add to, and to leave out of, the command that continues an interrupted one. */
export interface Continuation {
  add?: readonly string[]
  remove?: readonly string[]
  /** What arguments stood for when the run began: by the time that it is continued `latest` may be another. */
  replace?: ReadonlyMap<string, readonly string[]>
}

/** The arguments of the command that continues it, for a shell, without secrets. */
export function continued(argv: readonly string[], {add = [], remove = [], replace}: Continuation): string {
  const words = withoutSecrets(argv)
    .filter((word) => !remove.includes(word))
    // The one flag whose value may be named as backups are.
    .flatMap((word, index, all) => (all[index - 1] === '--schema-from' ? [word] : (replace?.get(word) ?? [word])))
  const missing = add.filter((flag) => !words.includes(flag))
  return shellLine([...missing, ...words])
}
