/** What the numbers of a seal say of each other. Pure: nothing is read. */
import type {SealedTenant} from '../codec/document.js'
import type {SealedManifest} from './manifest.js'

import {DigestSum} from '../codec/digest-sum.js'
import {plural} from '../model/plural.js'
import {isMultiTenant} from '../model/schema.js'

/** One sentence for each contradiction between the members of a seal, and between seal and head. */
export function sealContradictions(manifest: SealedManifest): string[] {
  const {metadata, schema, seal} = manifest
  const problems: string[] = []
  // Nothing was read that its numbers could be held against.
  if (metadata.export?.place === null) return problems
  let rows = 0
  let partBytes = 0
  for (const part of seal.parts) {
    rows += part.rows
    partBytes += part.bytes
  }

  if (rows !== seal.statistics.rows) {
    problems.push(
      `The parts of the seal have ${rows} rows together, seal.statistics.rows says ${seal.statistics.rows}.`,
    )
  }

  const isFits = seal.amendments.length === 0 ? seal.object_count === rows : seal.object_count <= rows
  if (!isFits) {
    problems.push(
      `seal.object_count is ${seal.object_count}, which ${rows} rows and ${seal.amendments.length} amendments do not make.`,
    )
  }

  for (const [tenant, id, row] of seal.amendments) {
    if (row <= rows) continue
    const object = tenant === null ? id : `${id} of tenant "${tenant}"`
    problems.push(`The amendment of ${object} names row ${row}, of ${rows}.`)
  }

  if ((seal.complete === false) !== (seal.requires ?? []).includes('incomplete')) {
    problems.push('seal.complete and seal.requires contradict each other.')
  }

  // With transforms, what was read and what came of it are two numbers.
  if (seal.counted && !metadata.transforms && seal.counted.read !== seal.object_count) {
    problems.push(`seal.counted.read is ${seal.counted.read}, seal.object_count ${seal.object_count}.`)
  }

  problems.push(...byteContradictions(manifest, partBytes))
  if (!metadata.options.include_data && rows > 0) {
    problems.push(`metadata says that the backup has no objects, the seal that it has ${rows} rows.`)
  }

  if (isMultiTenant(schema) === (seal.tenants === undefined)) {
    problems.push(
      seal.tenants
        ? 'The seal lists tenants of a collection without multi-tenancy.'
        : 'The seal lists no tenants of a collection with multi-tenancy.',
    )
  }

  return [...problems, ...tenantContradictions(manifest, seal.tenants)]
}

function byteContradictions(manifest: SealedManifest, partBytes: number): string[] {
  const {seal} = manifest
  const problems: string[] = []
  if (manifest.kind === 'document') {
    const [part] = seal.parts
    if (part && (part.bytes !== seal.document.bytes || part.sha256 !== seal.document.sha256)) {
      problems.push('seal.parts and seal.document are not the same.')
    }

    const fileBytes = (seal.compressed ?? seal.document).bytes
    if (seal.statistics.bytes !== fileBytes) {
      problems.push(`seal.statistics.bytes is ${seal.statistics.bytes}, not ${fileBytes}.`)
    }
  } else if (seal.statistics.bytes < partBytes + seal.document.bytes) {
    problems.push(`seal.statistics.bytes is ${seal.statistics.bytes}, less than the parts and the document have.`)
  }

  return problems
}

function tenantContradictions({metadata, seal}: SealedManifest, tenants: SealedTenant[] | undefined): string[] {
  if (!tenants) return []
  const problems: string[] = []
  const names = new Set(tenants.map(({name}) => name))
  if (names.size < tenants.length) problems.push('The seal lists a tenant twice.')
  const known = new Set((metadata.tenants ?? []).map(({name}) => name))
  for (const name of names) {
    if (!known.has(name)) problems.push(`The seal lists the tenant "${name}", which metadata does not have.`)
  }

  for (const name of known) {
    if (!names.has(name)) problems.push(`metadata lists the tenant "${name}", which the seal does not have.`)
  }

  let objects = 0
  const sum = new DigestSum()
  for (const tenant of tenants) {
    objects += tenant.object_count ?? 0
    if (tenant.digest !== undefined) sum.merge(DigestSum.fromHex(tenant.digest))
  }

  if (objects !== seal.object_count) {
    problems.push(
      `The tenants of the seal have ${plural(objects, 'object')} together, seal.object_count says ${seal.object_count}.`,
    )
  }

  if (sum.hex() !== seal.digest) problems.push('The digests of the tenants do not add up to seal.digest.')
  return problems
}
