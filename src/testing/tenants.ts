import type {Settings} from './options.js'

import {TENANT_STATUSES, type TenantStatus} from '../model/tenant.js'
import {Refusal} from './refusal.js'
import {type Collection, Shard} from './store.js'
import {filled} from './values.js'

const TENANT_NAME = /^[\w-]{1,64}$/
/** Most tenants that one PUT may change. */
const MOST_UPDATES = 100
/** Milliseconds that a tenant takes to be offloaded or onloaded. */
const OFFLOAD_MS = 15

export interface TenantRequest {
  activityStatus?: string
  name: string
}

/** What was asked for, or nothing: a collection that is not there. */
type Sought = Collection | undefined

function tenantsOf(collection: Sought, what: string): NonNullable<Collection['tenants']> {
  if (!collection) throw new Refusal(`${what}class not found`)
  if (collection.tenants) return collection.tenants
  throw new Refusal(`${what}multi-tenancy is not enabled for class "${collection.name}"`)
}

function statusOf(request: TenantRequest, {offload}: Settings): TenantStatus {
  const status = TENANT_STATUSES[filled(request.activityStatus) ?? 'HOT']!
  if (status === 'FREEZING' || status === 'UNFREEZING')
    throw new Refusal(`invalid activity status '${request.activityStatus}' for tenant "${request.name}"`)
  if (status !== 'HOT' && status !== 'COLD' && !offload)
    throw new Refusal("can't offload tenants, because offload-s3 module is not enabled")
  return status
}

const CREATED_AS = new Set(['', 'ACTIVE', 'COLD', 'HOT', 'INACTIVE'])

function checkOnce(requests: readonly TenantRequest[]): void {
  const names = new Set<string>()
  for (const {name} of requests) {
    if (names.has(name)) throw new Refusal(`tenant name ${name} existed multiple times`)
    names.add(name)
  }
}

/** @throws Refusal 422. Tenants that are there already stay as they are. */
export function addTenants(collection: Sought, requests: readonly TenantRequest[], settings: Settings): void {
  for (const [index, {name = ''}] of requests.entries()) {
    if (name === '') throw new Refusal(`tenant name at index ${index}: empty tenant name`)
    if (!TENANT_NAME.test(name))
      throw new Refusal(
        `tenant name at index ${index}:  '${name}' is not a valid tenant name. should only contain alphanumeric characters (a-z, A-Z, 0-9), underscore (_), and hyphen (-), with a length between 1 and 64 characters`,
      )
  }

  checkOnce(requests)
  for (const {activityStatus = '', name} of requests)
    if (settings.offload && !CREATED_AS.has(activityStatus))
      throw new Refusal(`invalid activity status '${activityStatus}' for tenant "${name}"`)
  const wanted = requests.map((request) => ({name: request.name, status: statusOf(request, settings)}))
  const tenants = tenantsOf(collection, 'updating schema: TYPE_ADD_TENANT: ')
  for (const {name, status} of wanted) if (!tenants.has(name)) tenants.set(name, {name, shard: new Shard(name), status})
}

/** Changes states: between HOT and COLD at once, to and from FROZEN after a while. @throws Refusal 422. */
export function updateTenants(
  collection: Sought,
  requests: readonly TenantRequest[],
  settings: Settings,
): Array<{activityStatus: TenantStatus; name: string}> {
  if (requests.length > MOST_UPDATES)
    throw new Refusal(
      `maximum number of tenants allowed to be updated simultaneously is ${MOST_UPDATES}. Please reduce the number of tenants in your request and try again`,
    )
  for (const [index, {activityStatus, name}] of requests.entries()) {
    if (!activityStatus) throw new Refusal(`invalid activity status '' for tenant "${name}"`)
    if (requests.findIndex((other) => other.name === name) !== index)
      throw new Refusal(`tenant name ${name} existed multiple times`)
  }

  const wanted = requests.map((request) => ({name: request.name, status: statusOf(request, settings)}))
  const tenants = tenantsOf(collection, 'updating schema: TYPE_UPDATE_TENANT: ')
  for (const {name} of wanted)
    if (!tenants.has(name)) throw new Refusal(`updating schema: TYPE_UPDATE_TENANT: shard not found: ${name}`)
  return wanted.map(({name, status}) => {
    const tenant = tenants.get(name)!
    if (tenant.status === status) return {activityStatus: status, name}
    const passing = status === 'FROZEN' ? 'FREEZING' : tenant.status === 'FROZEN' ? 'UNFREEZING' : undefined
    tenant.status = passing ?? status
    if (passing)
      setTimeout(() => {
        if (tenant.status === passing) tenant.status = status
      }, OFFLOAD_MS).unref()
    return {activityStatus: tenant.status, name}
  })
}

export function deleteTenants(collection: Sought, names: readonly string[]): void {
  const tenants = tenantsOf(collection, 'updating schema: TYPE_DELETE_TENANT: ')
  for (const name of names) tenants.delete(name)
}

/** All tenants, or those named that exist. @throws Refusal 422. */
export function listTenants(
  collection: Sought,
  names?: readonly string[],
): Array<{activityStatus: TenantStatus; name: string}> {
  const tenants = tenantsOf(collection, 'failed to execute query: could not get tenants: could not get tenants: ')
  const wanted = names && new Set(names)
  const found = Array.from(tenants, ([, tenant]) => tenant).filter(({name}) => !wanted || wanted.has(name))
  return found.map(({name, status}) => ({activityStatus: status, name}))
}
