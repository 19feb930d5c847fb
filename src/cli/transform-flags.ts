/** Flags that change objects on their way, shared by all commands that move some. Imports nothing heavy: `--help` reads them. */
import {Flags, type Interfaces} from '@oclif/core'

import type {Transform} from '../flow/transform/transform.js'

import {linesOf} from '../config/setting-texts.js'
import {DataOpsError} from '../model/errors.js'
import {inGroup, REPEATED} from './flags.js'

export const transformFlags = inGroup('CHANGES ON THE WAY', {
  drop: Flags.string({...REPEATED, description: 'Leave this property out; may be repeated.', helpValue: '<name>'}),
  'drop-vector': Flags.string({
    ...REPEATED,
    description: 'Leave this vector out ("" is the unnamed one); may be repeated.',
    helpValue: '<name>',
  }),
  ids: Flags.string({description: 'Only the objects whose UUIDs stand in this file, one a line.', helpValue: '<file>'}),
  'into-tenant': Flags.string({
    description: 'Make every object one of this tenant.',
    exclusive: ['tenant-from'],
    helpValue: '<name>',
  }),
  limit: Flags.integer({description: 'The first so many objects by UUID.', helpValue: '<n>', min: 1}),
  'no-tenants': Flags.boolean({
    description: 'Make objects of tenants objects of a collection without.',
    exclusive: ['into-tenant', 'tenant-from'],
  }),
  'no-vectors': Flags.boolean({description: 'Leave all vectors out: the vectorizer of the target makes new ones.'}),
  rename: Flags.string({
    ...REPEATED,
    description: 'Another name for a property; may be repeated.',
    helpValue: '<old=new>',
  }),
  sample: Flags.string({
    description: 'So many objects (1000), or such a share (1%); the same for the same --seed.',
    exclusive: ['limit'],
    helpValue: '<number or share>',
  }),
  seed: Flags.string({
    dependsOn: ['sample'],
    description: 'Text that decides which objects --sample takes.',
    helpValue: '<text>',
  }),
  'tenant-from': Flags.string({
    description: 'Make each object one of the tenant that this property names.',
    helpValue: '<property>',
  }),
  transform: Flags.string({
    ...REPEATED,
    description: 'A module (.mjs) with a function object(object, context), or schema(schema); may be repeated.',
    helpValue: '<file>',
  }),
  vector: Flags.string({
    ...REPEATED,
    description: 'Another name for a vector: old=new, =new for the unnamed one, old= to make it that.',
    helpValue: '<old=new>',
  }),
  where: Flags.string({
    ...REPEATED,
    description: 'Only objects for which this CEL expression is true, for example year >= 2020; may be repeated.',
    helpValue: '<expression>',
  }),
})

export type TransformFlags = Partial<Interfaces.InferredFlags<typeof transformFlags>>

/** In the order in which they work, whatever the order of the flags: choosing, tenants, properties, vectors, functions. @throws DataOpsError INVALID_INPUT. */
export async function transformsOf(flags: TransformFlags): Promise<Transform[]> {
  const {drop = [], ids, limit, rename = [], sample, seed, transform = [], vector = [], where = []} = flags
  const wanted = Object.keys(transformFlags).some((name) => flags[name as keyof TransformFlags] !== undefined)
  if (!wanted) return []
  const make = await import('../flow/transform/index.js')
  const transforms = [
    // First of all: which of them are there does not hang on what else is chosen.
    ...(ids === undefined ? [] : [make.onlyIds(await idsIn(ids))]),
    ...where.map((expression) => make.where(expression)),
    ...(limit === undefined ? [] : [make.limit(limit)]),
    ...(sample === undefined ? [] : [make.sample(/^\d+$/.test(sample) ? Number(sample) : sample, seed)]),
    ...(flags['into-tenant'] === undefined ? [] : [make.intoTenant(flags['into-tenant'])]),
    ...(flags['tenant-from'] === undefined ? [] : [make.tenantFrom(flags['tenant-from'])]),
    ...(flags['no-tenants'] ? [make.outOfTenants()] : []),
    // A name that is dropped is free.
    ...(drop.length > 0 ? [make.drop(drop)] : []),
    ...(rename.length > 0 ? [make.rename(renamesOf(rename))] : []),
    ...(flags['drop-vector'] ?? []).map((name) => make.dropVector(name)),
    ...vector.map((text) => make.moveVector(...pair(text, 'vector'))),
    ...(flags['no-vectors'] ? [make.withoutVectors()] : []),
  ]
  for (const file of transform) transforms.push(await make.loadTransform(file))
  return transforms
}

/** @throws DataOpsError INVALID_INPUT for two names of one property. */
function renamesOf(given: readonly string[]): Record<string, string> {
  const names = new Map<string, string>()
  for (const text of given) {
    const [old, name] = pair(text, 'rename')
    if ((names.get(old) ?? name) !== name)
      throw new DataOpsError('INVALID_INPUT', `--rename gives "${old}" two names, "${names.get(old)}" and "${name}".`)
    names.set(old, name)
  }

  return Object.fromEntries(names)
}

function pair(text: string, flag: string): [old: string, name: string] {
  const parts = text.split('=')
  const [old = '', name = ''] = parts
  const isEmpty = flag === 'vector' ? old === name : old === '' || name === ''
  if (parts.length === 2 && !isEmpty) return [old.trim(), name.trim()]
  throw new DataOpsError('INVALID_INPUT', `--${flag} ${text} is not of the form old=new.`)
}

async function idsIn(file: string): Promise<string[]> {
  const {readFile} = await import('node:fs/promises')
  try {
    const bytes = await readFile(file)
    // As some shells of Windows write it.
    const isWide = bytes[0] === 0xff && bytes[1] === 0xfe
    return linesOf(new TextDecoder(isWide ? 'utf-16le' : 'utf8').decode(bytes))
  } catch (error) {
    const {unreadable} = await import('../store/storage-error.js')
    throw unreadable(error, `The file of ids ${file}`)
  }
}
