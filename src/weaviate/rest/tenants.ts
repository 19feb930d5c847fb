/** Tenants over REST. */
import type {HttpClient} from './http.js'

import {chunks} from '../../model/chunks.js'
import {DataOpsError, insteadOf} from '../../model/errors.js'
import {TENANT_STATUSES, type TenantStatus, type WeaviateTenant} from '../../model/tenant.js'
import {hasStatus} from '../errors.js'
import {sleep} from '../retry.js'
import {collectionMissing} from './reading.js'
import {type JsonRecord, optionalText, recordOf, recordsOf, textOf, wrongAnswer} from './shape.js'

/** A POST takes thousands. */
const CREATE_CHUNK = 1000
/** A PUT takes at most a hundred. */
const UPDATE_CHUNK = 100
/** Between these a tenant changes at once. */
const AT_ONCE: ReadonlySet<TenantStatus> = new Set(['COLD', 'HOT'])
/** Up to this many are asked for one by one while waiting; more by one listing. */
const POLL_SINGLY = 10

/** HOT, COLD, FROZEN and the two on the way, whatever the server's version calls them. No status is HOT. */
export function normalizeStatus(status: string | undefined): TenantStatus {
  if (status === undefined || status === '') return 'HOT'
  const known = TENANT_STATUSES[status.toUpperCase()]
  if (!known) throw new DataOpsError('UNEXPECTED', `The server reports a tenant status that is not known: ${status}.`)
  return known
}

export async function listTenants(
  http: HttpClient,
  collection: string,
  signal?: AbortSignal,
): Promise<WeaviateTenant[]> {
  try {
    const action = `list the tenants of ${collection}`
    const {value} = await http.json<unknown>({action, method: 'GET', path: tenantsPath(collection), signal})
    const tenants = recordsOf(value, action, 'tenants').map((tenant) => toTenant(tenant, action))
    if (new Set(tenants.map(({name}) => name)).size === tenants.length) return tenants
    throw wrongAnswer(action, 'a tenant is there twice')
  } catch (error) {
    throw (await isMissing(http, collection, error)) ? collectionMissing(collection) : error
  }
}

/** Whether that is why; 422 stands for a collection without tenants too. */
async function isMissing(http: HttpClient, collection: string, error: unknown): Promise<boolean> {
  if (!hasStatus(error, 422)) return hasStatus(error, 404)
  try {
    const action = `read the schema of ${collection}`
    await http.send({action, method: 'GET', path: `/v1/schema/${encodeURIComponent(collection)}`})
    return false
  } catch (error_) {
    return hasStatus(error_, 404)
  }
}

/** Creates tenants with their states; those that exist stay as they are. */
export async function createTenants(
  http: HttpClient,
  collection: string,
  tenants: readonly WeaviateTenant[],
): Promise<void> {
  for (const chunk of chunks(tenants, CREATE_CHUNK)) {
    await http.send({
      action: `create tenants of ${collection}`,
      body: encode(chunk),
      method: 'POST',
      path: tenantsPath(collection),
    })
  }
}

/**
 * Milliseconds after which one that is still what it was, active or inactive, is taken to be so again: servers change between these two
 * before they answer, and whoever reads a tenant may activate it. Tests wait less; no option.
 */
export const CHANGED_BACK = {ms: 30_000}

/** Whether somebody else has changed it since it was asked for. */
export function isChangedBack(error: unknown): error is DataOpsError {
  return error instanceof DataOpsError && error.details.isChangedBack === true
}

export interface WaitOptions {
  signal?: AbortSignal
  /** Milliseconds to wait for all of them; default 10 minutes (offloading moves the tenant's data). */
  waitMs?: number
}

/**
 * Asks for the states, and resolves once the server reports them. @throws DataOpsError SERVER_UNAVAILABLE when it does not in time; SERVER_REFUSED
 * where one is gone, or somebody else has changed it since.
 */
export async function setTenantStatus(
  http: HttpClient,
  collection: string,
  tenants: readonly WeaviateTenant[],
  {signal, waitMs = 600_000}: WaitOptions = {},
): Promise<void> {
  for (const chunk of chunks(tenants, UPDATE_CHUNK)) {
    await http.send({
      action: `change the state of tenants of ${collection}`,
      body: encode(chunk),
      method: 'PUT',
      path: tenantsPath(collection),
      signal,
    })
  }

  let waiting: readonly WeaviateTenant[] = tenants
  const moving = new Set<string>()
  const started = performance.now()
  const deadline = started + waitMs
  for (let pause = 20; ; pause = Math.min(pause * 2, 2000)) {
    const names = waiting.map(({name}) => name)
    const found = await someTenants(http, collection, names, signal)
    const statuses = new Map(found.map((tenant) => [tenant.name, tenant.status]))
    waiting = waiting.filter((tenant) => statuses.get(tenant.name) !== tenant.status)
    if (waiting.length === 0) return
    const isLate = performance.now() - started > CHANGED_BACK.ms
    for (const {name, status} of waiting) {
      const now = statuses.get(name)
      const isBack = isLate && !moving.has(name) && now !== undefined && AT_ONCE.has(now) && AT_ONCE.has(status)
      if (now === 'FREEZING' || now === 'UNFREEZING') moving.add(name)
      else if (now === undefined || moving.has(name) || isBack) {
        throw new DataOpsError(
          'SERVER_REFUSED',
          `Tenant ${name} of ${collection} did not become ${status}: it is ${now ?? 'no longer there'}.`,
          {details: {...(isBack && {isChangedBack: true}), tenants: [name]}},
        )
      }
    }

    if (performance.now() > deadline) {
      const [first] = waiting
      throw new DataOpsError(
        'SERVER_UNAVAILABLE',
        `Tenant ${first!.name} of ${collection} did not become ${first!.status} within ${Math.round(waitMs / 1000)} s.`,
        {details: {tenants: waiting.map((tenant) => tenant.name)}},
      )
    }

    await sleep(pause, signal)
  }
}

/** Those of these names that are there. */
export async function someTenants(
  http: HttpClient,
  collection: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<WeaviateTenant[]> {
  if (names.length <= POLL_SINGLY) {
    const getting = Promise.all(names.map(async (name) => getTenant(http, collection, name, signal)))
    // One of them is gone; servers before 1.26 have only the listing.
    const found = await getting.catch(insteadOf(undefined, (error) => hasStatus(error, 404, 405)))
    if (found) return found
  }

  const wanted = new Set(names)
  return (await listTenants(http, collection, signal)).filter(({name}) => wanted.has(name))
}

async function getTenant(
  http: HttpClient,
  collection: string,
  name: string,
  signal?: AbortSignal,
): Promise<WeaviateTenant> {
  const action = `read tenant ${name} of ${collection}`
  const path = `${tenantsPath(collection)}/${encodeURIComponent(name)}`
  const {value} = await http.json<unknown>({action, method: 'GET', path, signal})
  const tenant = toTenant(recordOf(value, action, 'tenant'), action)
  if (tenant.name !== name) throw wrongAnswer(action, `it is of ${tenant.name}`)
  return tenant
}

function toTenant({activityStatus, name}: JsonRecord, action: string): WeaviateTenant {
  const status = optionalText(activityStatus, action, 'state of a tenant')
  return {name: textOf(name, action, 'name of a tenant'), status: normalizeStatus(status)}
}

function encode(tenants: readonly WeaviateTenant[]): string {
  return JSON.stringify(tenants.map(({name, status}) => ({activityStatus: status, name})))
}

function tenantsPath(collection: string): string {
  return `/v1/schema/${encodeURIComponent(collection)}/tenants`
}
