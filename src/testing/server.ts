import type {Listener} from './listen.js'

import {listenGrpc} from './grpc/listener.js'
import {ObjectRoom} from './objects.js'
import {type EmbeddedWeaviateOptions, withDefaults} from './options.js'
import {Requests} from './requests.js'
import {listenRest} from './rest/listener.js'
import {Database} from './store.js'

/** Where one node of a server is reached. */
export interface EmbeddedNode {
  /** undefined without a gRPC listener. */
  grpcUrl: string | undefined
  name: string
  /** `http://127.0.0.1:port` */
  url: string
}

/** A Weaviate in this process, as it was started. */
export interface EmbeddedWeaviate {
  /** Stops at once: open connections are cut, everything stored is gone. */
  close: () => Promise<void>
  /** undefined without a gRPC listener. */
  grpcPort: number | undefined
  /** `127.0.0.1:port`; undefined without a gRPC listener. */
  grpcUrl: string | undefined
  /** Each with addresses of its own, in the order of `replicas`; the first has those of the server. */
  nodes: readonly EmbeddedNode[]
  /** Of REST. */
  port: number
  /** `http://127.0.0.1:port` */
  url: string
}

/**
 * Starts an in-memory server that answers like Weaviate 1.39, as far as data operations and `weaviate-client` reach, on the
 * loopback interface. Each call starts one of its own.
 */
export async function startEmbeddedWeaviate(options: EmbeddedWeaviateOptions = {}): Promise<EmbeddedWeaviate> {
  const settings = withDefaults(options)
  const room = new ObjectRoom(new Database(), settings)
  const requests = new Requests(settings)
  const open: Listener[] = []
  const close = async (): Promise<void> => {
    await Promise.all(open.map(async (listener) => listener.close()))
  }

  const listenNode = async (node: number) => {
    const at = (port: number) => ({port: node === 0 ? port : 0, requests})
    const rest = await listenRest({node, room}, at(settings.port))
    open.push(rest)
    const {port} = rest
    const url = `http://127.0.0.1:${port}`
    if (!settings.grpc) return {grpcPort: undefined, grpcUrl: undefined, port, url}
    const grpc = await listenGrpc({node, room}, at(settings.grpcPort))
    open.push(grpc)
    return {grpcPort: grpc.port, grpcUrl: `127.0.0.1:${grpc.port}`, port, url}
  }

  const nodes: EmbeddedNode[] = []
  let first: Awaited<ReturnType<typeof listenNode>> | undefined
  try {
    for (const [index, {name}] of settings.replicas.entries()) {
      const node = await listenNode(index)
      first ??= node
      nodes.push({grpcUrl: node.grpcUrl, name, url: node.url})
    }
  } catch (error) {
    await close()
    throw error
  }

  if (!first) throw new RangeError('a server needs one node at least')
  return {...first, close, nodes}
}
