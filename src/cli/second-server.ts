/** Flags of a second server. Imports nothing heavy: `--help` reads them. */
import {Flags} from '@oclif/core'

import {type SettingValues, TRANSPORTS} from '../config/definitions.js'
import {parseHeaders} from '../config/setting-texts.js'
import {HEADERS, milliseconds, NODES, secondsFlag} from './flags.js'

const SECOND = 'SECOND SERVER'

export const secondServerFlags = {
  'to-api-key': Flags.string({
    description: 'API key of the second server; better in ELYSIACTL_TO_API_KEY.',
    helpGroup: SECOND,
    noCacheDefault: true,
  }),
  'to-ca-file': Flags.string({
    description: 'PEM file with a certificate authority to trust (env ELYSIACTL_TO_CA_FILE).',
    helpGroup: SECOND,
    helpValue: '<path>',
  }),
  'to-discover-nodes': Flags.boolean({
    description: 'List through every address of the host of --to-url (env ELYSIACTL_TO_DISCOVER_NODES).',
    helpGroup: SECOND,
  }),
  'to-grpc-url': Flags.string({
    description: 'gRPC address, as --grpc-url is that of the first (env ELYSIACTL_TO_GRPC_URL).',
    helpGroup: SECOND,
  }),
  'to-header': Flags.string({
    description: 'Header sent with every call; may be repeated (env ELYSIACTL_TO_HEADERS).',
    helpGroup: SECOND,
    ...HEADERS,
  }),
  'to-node': Flags.string({
    description: 'Another node of the second cluster; may be repeated (env ELYSIACTL_TO_NODES).',
    helpGroup: SECOND,
    ...NODES,
  }),
  'to-timeout': secondsFlag({
    description: 'Seconds that one request may take; default 60 (env ELYSIACTL_TO_TIMEOUT).',
    helpGroup: SECOND,
  }),
  'to-transport': Flags.string({
    description: 'How objects travel (env ELYSIACTL_TO_TRANSPORT).',
    helpGroup: SECOND,
    options: [...TRANSPORTS],
  }),
  'to-url': Flags.string({
    description: 'Address of the second server (env ELYSIACTL_TO_URL); without it, the second is the first.',
    helpGroup: SECOND,
  }),
}

export interface SecondServerFlags {
  'to-api-key'?: string
  'to-ca-file'?: string
  'to-discover-nodes'?: boolean
  'to-grpc-url'?: string
  'to-header'?: string[]
  'to-node'?: string[]
  'to-timeout'?: number
  'to-transport'?: string
  'to-url'?: string
}

export function secondServerValues(flags: SecondServerFlags): SettingValues {
  return {
    apiKey: flags['to-api-key'],
    caFile: flags['to-ca-file'],
    discoverNodes: flags['to-discover-nodes'],
    grpcUrl: flags['to-grpc-url'],
    headers: flags['to-header'] && parseHeaders(flags['to-header']),
    nodes: flags['to-node'],
    timeoutMs: milliseconds(flags['to-timeout']),
    transport: flags['to-transport'] as SettingValues['transport'],
    url: flags['to-url'],
  }
}
