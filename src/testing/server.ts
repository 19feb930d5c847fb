import {listenGrpc} from './grpc/listener.js'
import {WeaviateCalls} from './grpc/service.js'
import {ObjectRoom} from './objects.js'
import {type EmbeddedWeaviateOptions, withDefaults} from './options.js'
import {Requests} from './requests.js'
import {listenRest} from './rest/listener.js'
import {Database} from './store.js'

export interface EmbeddedWeaviate {
  /** Stops at once: open connections are cut, everything stored is gone. */
  close: () => Promise<void>
  /** undefined without a gRPC listener. */
  grpcPort: number | undefined
  /** `127.0.0.1:port`; undefined without a gRPC listener. */
  grpcUrl: string | undefined
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
  const rest = await listenRest(room, settings, requests)
  const grpc = settings.grpc
    ? await listenGrpc(new WeaviateCalls(room, settings), settings, requests).catch(async (error: unknown) => {
        await rest.close()
        throw error
      })
    : undefined
  return {
    async close() {
      await Promise.all([rest.close(), grpc?.close()])
    },
    grpcPort: grpc?.port,
    grpcUrl: grpc && `127.0.0.1:${grpc.port}`,
    port: rest.port,
    url: `http://127.0.0.1:${rest.port}`,
  }
}
