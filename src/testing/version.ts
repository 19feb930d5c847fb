import type {Settings} from './options.js'

/** Whether the server plays a version older than `version`, both like `1.28.5`; missing numbers count as 0. */
export function isBefore({version}: Pick<Settings, 'version'>, than: string): boolean {
  const [mine, other] = [version, than].map((text) =>
    text.split('.').map((number) => Number(/^\d+/.exec(number)?.[0] ?? 0)),
  )
  for (const index of [0, 1, 2]) {
    const difference = (mine?.[index] ?? 0) - (other?.[index] ?? 0)
    if (difference !== 0) return difference < 0
  }

  return false
}
