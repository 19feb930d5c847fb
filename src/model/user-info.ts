/** User and password in addresses, right or mistyped: what of a text they are, and the text without them. */

export interface UserInfoOptions {
  /** It is the address of a server, whatever it looks like: without one it may be a path, a filter, a name. */
  isAddress?: boolean
}

/** Places have no passwords, but for who takes them for addresses; what follows their name may hold colons and @. */
const PLACE = /^(?:az|file|gs|s3):/i
const IN_PLACE = /^((?:az|gs|s3):\/\/)([^/]*(?::.*)?)@/is
/** Up to the last @, also behind a slash: a password may hold either, and no address of a server has an @ in its path. */
const ADDRESS = /^[a-z][a-z\d+.-]*:\//i
const IN_ADDRESS = /^([a-z][a-z\d+.-]*:\/{1,2})(.*)@/is
const ANYTHING = /^()(.*)@/s
/** Without a scheme. No path begins so, and no filter: they have slashes, spaces and quotes. */
const BEFORE_HOST = /^()([^\s"'#/=?]*:[^\s"']*)@/

/** The user info, and what stands before it. */
function userInfoOf(text: string, {isAddress}: UserInfoOptions): undefined | {before: string; info: string} {
  const pattern = PLACE.test(text) ? IN_PLACE : ADDRESS.test(text) ? IN_ADDRESS : isAddress ? ANYTHING : BEFORE_HOST
  const [, before, info] = pattern.exec(text) ?? []
  return before === undefined || info === undefined ? undefined : {before, info}
}

/** `http://me:key@host` → `http://host`; what holds no user and password stays as it is. */
export function withoutUserInfo(text: string, options: UserInfoOptions = {}): string {
  const found = userInfoOf(text, options)
  return found ? found.before + text.slice(found.before.length + found.info.length + 1) : text
}

/**
 * Every text in it that may be a password, or that has one in it and ends with the @ before a host: the whole where there is no colon, since it may
 * be a token; of several colons one may be of a mistyped scheme. As it stands, and as a server gets it.
 */
export function secretsInUserInfo(text: string, options: UserInfoOptions = {}): string[] {
  const {info = ''} = userInfoOf(text, options) ?? {}
  if (info === '') return []
  const ends = info.includes(':') ? [...info.matchAll(/:/g)].map(({index}) => info.slice(index + 1)) : [info]
  const secrets = ends.flatMap((end) => [end, decoded(end)])
  return [...new Set([...secrets, ...[info, ...secrets].map((each) => `${each}@`)])]
}

/** Whether it is of user info: that is looked for however short it is. */
export function isBeforeHost(secret: string): boolean {
  return secret.length > 2 && secret.endsWith('@')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
