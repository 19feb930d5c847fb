/** Transforms of tenants: into them, out of them, from one to another, only some. */
import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {type JsonValue, type WeaviateObject} from '../../model/object.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {tenantsNotThere} from '../../model/tenant.js'
import {eachObject, type Transform} from './transform.js'

const TENANT = /^[\w-]{1,64}$/

/** Every object becomes one of this tenant. */
export function intoTenant(name: string): Transform {
  checkName(name)
  return {
    page: eachObject((object) => ({...object, tenant: name})),
    reads: 'ids',
    record: {kind: 'into-tenant', tenant: name},
    schema: (schema) => withTenants(schema),
    tenants: () => [{name, status: 'HOT'}],
  }
}

/** Every object becomes one of the tenant that a property of it names. @throws DataOpsError INVALID_INPUT for one without. */
export function tenantFrom(property: string): Transform {
  const given = (object: WeaviateObject): WeaviateObject => ({...object, tenant: tenantIn(object, property)})
  const base = {page: eachObject(given), record: {kind: 'tenant-from', property}}
  return {
    ...base,
    async look({pages, schema, signal}) {
      if ((schema.properties ?? []).every(({name}) => name !== property)) {
        throw new DataOpsError('INVALID_INPUT', `"${schema.class}" has no property "${property}".`)
      }

      const names = new Set<string>()
      for await (const objects of pages()) {
        throwIfAborted(signal)
        for (const object of objects) names.add(tenantIn(object, property))
      }

      return {
        ...base,
        schema: (before) => withTenants(before),
        tenants: () => [...names].sort().map((name) => ({name, status: 'HOT' as const})),
      }
    },
  }
}

function tenantIn(object: WeaviateObject, property: string): string {
  const value: JsonValue | undefined = object.properties[property]
  const name = typeof value === 'number' ? String(value) : value
  if (typeof name === 'string' && TENANT.test(name)) return name
  throw new DataOpsError(
    'INVALID_INPUT',
    value === undefined || value === null
      ? `The object ${object.id} has no "${property}" that could name its tenant.`
      : `"${property}" of the object ${object.id} is ${JSON.stringify(value).slice(0, 80)}, which cannot be the name of a tenant.`,
    {
      details: {id: object.id, property},
      hint: 'A tenant has up to 64 letters, digits, underscores and hyphens. Leave such objects out with a filter, or change them with a transform of your own.',
    },
  )
}

/** Objects of all tenants become objects of a collection without. Two of one UUID would be one: whoever writes them must see to that. */
export function outOfTenants(): Transform {
  return {
    page: eachObject(({tenant: _, ...object}) => object),
    reads: 'ids',
    record: {kind: 'out-of-tenants'},
    schema(schema) {
      needTenants(schema)
      // With tenants it says nothing, and is not taken without.
      const {multiTenancyConfig: _, shardingConfig: __, ...rest} = schema
      return rest
    },
  }
}

/**
 * Only these tenants: names, patterns (`eu-*`, `?`), and `old=new` for another name.
 * @throws DataOpsError INVALID_INPUT when one of them matches none.
 */
export function selectTenants(rules: readonly string[]): Transform {
  const parsed = rules.map((text) => parseRule(text))
  const target = (name: string): string | undefined => {
    const rule = parsed.find(({pattern}) => pattern.test(name))
    return rule && (rule.name ?? name)
  }

  return {
    isPartial: true,
    page: eachObject((object) => {
      const tenant = target(object.tenant ?? '')
      return tenant === undefined ? null : {...object, tenant}
    }),
    reads: 'ids',
    record: {kind: 'tenants', rules: [...rules]},
    schema(schema) {
      needTenants(schema)
      return schema
    },
    tenants(tenants) {
      checkMatches(parsed, tenants)
      const chosen = new Map<string, (typeof tenants)[number]>()
      for (const {name, status} of tenants) {
        const to = target(name)
        if (to === undefined) continue
        if (chosen.has(to)) {
          throw new DataOpsError('INVALID_INPUT', `Two tenants would become "${to}".`, {
            hint: 'Give them different names.',
          })
        }

        chosen.set(to, {name: to, status})
      }

      return [...chosen.values()]
    },
  }
}

/** Whether a transform lets a tenant be, by its name: one that chooses none lets all. */
export function isChosenBy({record: {kind, rules}}: Transform): (name: string) => boolean {
  if (kind !== 'tenants' || !Array.isArray(rules)) return () => true
  const parsed = rules.flatMap((rule) => (typeof rule === 'string' ? [parseRule(rule)] : []))
  return (name) => parsed.some(({pattern}) => pattern.test(name))
}

/** Tenants that rules of `selectTenants` are of, each once. @throws DataOpsError INVALID_INPUT when a rule matches none. */
export function matchTenants<Tenant extends {name: string}>(
  tenants: readonly Tenant[],
  rules: readonly string[],
): Tenant[] {
  const parsed = rules.map((text) => parseRule(text))
  checkMatches(parsed, tenants)
  return [...new Set(parsed.flatMap(({pattern}) => tenants.filter(({name}) => pattern.test(name))))]
}

/** What gives tenants other names, where rules ask for it. */
export function renamesOf(rules: readonly string[]): Transform[] {
  return rules.some((rule) => rule.includes('=')) ? [selectTenants(rules)] : []
}

function checkMatches(rules: readonly Rule[], tenants: ReadonlyArray<{name: string}>): void {
  const unmatched = rules.filter(({pattern}) => tenants.every(({name}) => !pattern.test(name)))
  if (unmatched.length === 0) return
  const wanted = unmatched.map(({text}) => text.split('=', 1)[0] ?? text)
  const names = tenants.map(({name}) => name)
  throw new DataOpsError(
    'INVALID_INPUT',
    `There is no tenant ${unmatched.map(({text}) => `"${text}"`).join(', ')}.`,
    tenantsNotThere(wanted, names, 'The collection'),
  )
}

interface Rule {
  /** The new name. */
  name?: string
  pattern: RegExp
  text: string
}

function parseRule(text: string): Rule {
  const [old = '', name, ...more] = text.split('=')
  if (old === '' || more.length > 0 || /[^\w*?-]/.test(old)) {
    throw new DataOpsError('INVALID_INPUT', `"${text}" names no tenant.`, {
      hint: 'Give a name, a pattern like eu-*, or old=new.',
    })
  }

  if (name !== undefined) checkName(name)
  if (name !== undefined && /[*?]/.test(old)) {
    throw new DataOpsError('INVALID_INPUT', `"${text}" would give several tenants one name.`, {
      hint: 'Rename them one by one.',
    })
  }

  const source = old.replaceAll('*', String.raw`[\w-]*`).replaceAll('?', String.raw`[\w-]`)
  return {...(name !== undefined && {name}), pattern: new RegExp(`^${source}$`), text: old}
}

function checkName(name: string): void {
  if (TENANT.test(name)) return
  throw new DataOpsError('INVALID_INPUT', `"${name}" cannot be the name of a tenant.`, {
    hint: 'It has up to 64 letters, digits, underscores and hyphens.',
  })
}

function needTenants(schema: WeaviateClass): void {
  if (isMultiTenant(schema)) return
  throw new DataOpsError('INVALID_INPUT', `The collection "${schema.class}" has no tenants.`, {
    hint: 'Leave the tenants out.',
  })
}

function withTenants(schema: WeaviateClass): WeaviateClass {
  return {...schema, multiTenancyConfig: {...schema.multiTenancyConfig, enabled: true}}
}
