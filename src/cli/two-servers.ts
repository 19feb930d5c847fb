/** The connections of a command that has two servers. */
import type {Settings} from '../config/settings.js'
import type {Warning} from '../model/progress.js'
import type {Connection} from '../weaviate/connection.js'

import {resolveSecond, saidOfSecond} from '../config/second-server.js'
import {withoutUserInfo} from '../model/user-info.js'
import {ofServer, type ServerName} from '../weaviate/which-server.js'
import {asTyped} from './hints.js'
import {type SecondServerFlags, secondServerValues} from './second-server.js'

/** No second: none was named. */
export interface BothConnections {
  first: Connection
  second?: Connection
}

type Warn = (warning: Pick<Warning, 'message'>) => void

interface Opening {
  /** `warn`: where its warnings go; default: where all go. */
  open: (settings: Settings, warn?: Warn) => Promise<Connection>
  warn: Warn
}

export function secondSettings(flags: SecondServerFlags): Settings | undefined {
  return resolveSecond({env: process.env, flags: secondServerValues(flags)})
}

/** Opens both, by what the job calls them: what fails, and what is warned of, says whose it is. */
export async function openBoth(
  [first, second]: readonly [ServerName, ServerName],
  [settings, others]: readonly [Settings, Settings],
  {open, warn}: Opening,
): Promise<BothConnections> {
  const warnOfSecond: Warn = ({message}) => {
    warn({message: saidOfSecond(asTyped(message))})
  }

  return {
    first: await open(settings).catch(saying(first, settings)),
    second: await open(others, warnOfSecond).catch(saying(second, others)),
  }
}

function saying(name: ServerName, {url}: Settings): (error: unknown) => never {
  return (error) => {
    throw ofServer(error, name, url && withoutUserInfo(url.value, {isAddress: true}))
  }
}
