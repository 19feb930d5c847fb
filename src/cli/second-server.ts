/** Flags of a second server. Imports nothing heavy: `--help` reads them. */
import {Flags, type Interfaces} from '@oclif/core'

import {type SettingValues, TRANSPORTS} from '../config/definitions.js'
import {HEADERS, inGroup, NODES, secondsFlag, serverValues} from './flags.js'

export const secondServerFlags = inGroup('SECOND SERVER', {
  'to-api-key': Flags.string({
    description: 'API key of the second server; better in ELYSIACTL_TO_API_KEY.',
    helpValue: '<key>',
    noCacheDefault: true,
  }),
  'to-ca-file': Flags.string({
    description: 'PEM file with a certificate authority to trust (env ELYSIACTL_TO_CA_FILE).',
    helpValue: '<path>',
  }),
  'to-discover-nodes': Flags.boolean({
    description: 'List through every address of the host of --to-url (env ELYSIACTL_TO_DISCOVER_NODES).',
  }),
  'to-grpc-url': Flags.string({
    description: 'gRPC address, as --grpc-url is that of the first (env ELYSIACTL_TO_GRPC_URL).',
    helpValue: '<address>',
  }),
  'to-header': Flags.string({
    description: 'Header sent with every call; may be repeated (env ELYSIACTL_TO_HEADERS).',
    ...HEADERS,
  }),
  'to-node': Flags.string({
    description: 'Another node of the second cluster; may be repeated (env ELYSIACTL_TO_NODES).',
    ...NODES,
  }),
  'to-timeout': secondsFlag({description: 'Seconds that one request may take; default 60 (env ELYSIACTL_TO_TIMEOUT).'}),
  'to-transport': Flags.option({
    description: 'How objects travel (env ELYSIACTL_TO_TRANSPORT).',
    options: TRANSPORTS,
  })(),
  'to-url': Flags.string({
    description: 'Address of the second server (env ELYSIACTL_TO_URL); without it, the second is the first.',
    helpValue: '<url>',
  }),
})

export type SecondServerFlags = Partial<Interfaces.InferredFlags<typeof secondServerFlags>>

/** As flags of the first are, without `to-`. */
export function secondServerValues(flags: SecondServerFlags): SettingValues {
  const named = Object.keys(secondServerFlags).map((name) => [
    name.slice('to-'.length),
    flags[name as keyof typeof flags],
  ])
  return serverValues(Object.fromEntries(named) as Parameters<typeof serverValues>[0])
}
