/** Further nodes of the cluster that a connection is to: where they are, and whether they are of it. */
import {lookup} from 'node:dns/promises'
import {isIP} from 'node:net'

import type {ConnectOptions} from './connection.js'

import {DataOpsError} from '../model/errors.js'
import {defaultGrpcAddress, parseGrpcUrl, parseRestUrl} from './address.js'
import {listNodes} from './rest/replicas.js'
import {openTransports, type Place, type TransportOptions, type Transports} from './transports.js'

/** Opens each further address that listings are to be read through. @throws DataOpsError CANNOT_CONNECT or NOT_ALLOWED, naming the address. */
export async function openNodes(
  main: Transports,
  {discoverNodes, nodes = []}: ConnectOptions,
  options: TransportOptions,
): Promise<Transports[]> {
  const places = [...(discoverNodes ? await discover(main.place) : []), ...namedPlaces(nodes, main.place)]
  if (places.length === 0) return []
  const names = await listNodes(main.http)
  if (names.length === 0) {
    throw new DataOpsError('NOT_ALLOWED', `Cannot compare replicas: ${main.place.url} does not list its nodes.`, {
      hint: 'Use credentials with the permission read_nodes, or name no nodes.',
    })
  }

  const opened: Transports[] = []
  try {
    for (const place of places) opened.push(await openNode(place, names, options))
    return opened
  } catch (error) {
    await closeAll(opened)
    throw error
  }
}

export async function closeAll(opened: readonly Transports[]): Promise<void> {
  for (const {grpc, http} of opened) {
    grpc?.close()
    await http.close()
  }
}

/** For people. */
export function describePlace({pinned, url}: Place): string {
  return pinned === undefined ? url : `${url} (${pinned})`
}

async function openNode(place: Place, names: readonly string[], options: TransportOptions): Promise<Transports> {
  const at = describePlace(place)
  let node: Transports
  try {
    node = await openTransports(place, options)
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code === 'INTERRUPTED') throw error
    throw error.with({
      ...(error.code !== 'NOT_ALLOWED' && {code: 'CANNOT_CONNECT'}),
      details: {node: at},
      hint: 'Every node that is named must answer: wait for it, or leave it out; its replica is not compared then.',
      message: `Cannot reach the node at ${at}: ${error.message}`,
    })
  }

  const others = await listNodes(node.http)
  if (names.some((name) => others.includes(name))) return node
  await closeAll([node])
  throw new DataOpsError('CANNOT_CONNECT', `${at} is no node of this cluster.`, {
    details: {cluster: names, node: at, others},
    hint: 'Name nodes of the cluster that `url` is of.',
  })
}

function namedPlaces(nodes: readonly string[], main: Place): Place[] {
  const places = new Map<string, Place>()
  for (const text of nodes) {
    const [rest = '', grpc, ...others] = text.split(',').map((part) => part.trim())
    const {authorization, url} = parseRestUrl(rest)
    if (others.length > 0 || authorization !== undefined) {
      throw new DataOpsError('INVALID_INPUT', `"${url}" is not the address of a node.`, {
        hint: 'Write it as URL, or URL,gRPC address; the credentials are those of the connection.',
      })
    }

    if (url !== main.url) places.set(url, {grpc: grpc ? parseGrpcUrl(grpc, url) : defaultGrpcAddress(url), url})
  }

  return [...places.values()]
}

/** Every address of the name, as a headless service gives one for each pod. */
async function discover(main: Place): Promise<Place[]> {
  const {hostname} = new URL(main.url)
  if (isIP(hostname.replaceAll(/[[\]]/g, ''))) {
    throw new DataOpsError('INVALID_INPUT', `Nodes cannot be discovered: ${hostname} is an address and no name.`, {
      hint: 'Give the name of the headless service, or name each node.',
    })
  }

  const found = await lookup(hostname, {all: true}).catch((error: unknown) => {
    const {code = 'no reason given'} = error as NodeJS.ErrnoException
    throw new DataOpsError('CANNOT_CONNECT', `Cannot find the nodes of ${hostname}: ${code}.`)
  })
  // A pod may have an address of either family: one of them is enough.
  const family = found.some((each) => each.family === 4) ? 4 : 6
  const addresses = new Set(found.filter((each) => each.family === family).map(({address}) => address))
  return [...addresses].map((pinned) => ({...main, pinned}))
}
