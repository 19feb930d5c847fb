/** The command that goes on where one was interrupted. */
import type {ProgressEvent} from '../model/progress.js'
import type {Places} from './moving-names.js'

import {withoutSecrets} from './secrets.js'

/** Flags to add to, and to leave out of, the command that continues an interrupted one. */
export interface Continuation {
  add?: readonly string[]
  remove?: readonly string[]
  /** What arguments stood for when the run began: by the time that it is continued `latest` may be another. */
  replace?: Places
  /** The same of values of flags, by the flag as it is typed: `--schema-from`. */
  replaceOf?: Readonly<Record<string, Places>>
}

/** The flags of a command, as oclif knows them. */
type KnownFlags = Readonly<Record<string, {aliases?: string[]; char?: string; type?: string}>>

/** The arguments of the command that continues it, without secrets. */
export function continued(argv: readonly string[], flags: KnownFlags, continuation: Continuation): string[] {
  const {add = [], remove = [], replace, replaceOf = {}} = continuation
  const options = optionsOf(flags)
  const words: string[] = []
  const given = withoutSecrets(argv)
  for (let index = 0; index < given.length; index++) {
    const word = given[index]!
    // What follows is no flag any more.
    if (word === '--') return [...missing(add, words), ...words, word, ...atPlaces(given.slice(index + 1), replace)]
    if (remove.includes(word)) continue
    const [, flag = word, inline] = /^(--[\w-]+)=(.*)$/s.exec(word) ?? []
    if (!options.has(flag)) words.push(...(word.startsWith('-') ? [word] : atPlaces([word], replace)))
    else if (inline === undefined) {
      const value = given[++index]
      words.push(
        ...(value === undefined ? [word] : (of(replaceOf[flag], value) ?? [value]).flatMap((each) => [word, each])),
      )
    } else {
      words.push(...(of(replaceOf[flag], inline)?.map((each) => `${flag}=${each}`) ?? [word]))
    }
  }

  return [...missing(add, words), ...words]
}

/** What one name stands for, as the job tells it: an alias may be another collection's by the time that it is continued. No name: of several. */
export function notingName(
  name: string | undefined,
  told: (event: ProgressEvent) => void,
): {onProgress: (event: ProgressEvent) => void; places: Places} {
  const places = new Map<string, readonly string[]>()
  const onProgress = (event: ProgressEvent): void => {
    if (name !== undefined) places.set(name, [event.collection])
    told(event)
  }

  return {onProgress, places}
}

/** Those that take a value, as they are typed. */
function optionsOf(flags: KnownFlags): ReadonlySet<string> {
  return new Set(
    Object.entries(flags).flatMap(([name, {aliases = [], char, type}]) =>
      type === 'option' ? [...[name, ...aliases].map((each) => `--${each}`), ...(char ? [`-${char}`] : [])] : [],
    ),
  )
}

function missing(flags: readonly string[], words: readonly string[]): string[] {
  return flags.filter((flag) => !words.includes(flag))
}

function atPlaces(words: readonly string[], places: Places | undefined): string[] {
  return words.flatMap((word) => of(places, word) ?? [word])
}

function of(places: Places | undefined, word: string): readonly string[] | undefined {
  return places?.get(word)
}
