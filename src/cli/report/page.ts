/** A report as one page that needs nothing else: no script, no network. */
import type {Archive} from '../../archive/reader.js'
import type {SealedTenant} from '../../codec/document.js'
import type {BackupReport} from '../../jobs/inspect/report.js'

import {formatCount, plural} from '../../model/plural.js'
import {completeness} from '../backup-entry.js'
import {formatBytes} from '../format.js'
import {choiceStyle, dataTable, escape, mapCard, propertyCard, vectorCard} from './parts.js'
import {STYLE} from './style.js'

/** Tenants that get a row of their own. */
const TENANTS = 200

export function reportPage(archive: Archive, report: BackupReport): string {
  const {metadata, schema} = archive.head
  const tenants = archive.seal?.tenants
  const cards = (all: readonly string[]): string => `<div class="grid">\n${all.join('\n')}\n</div>`
  const properties = report.properties.map((property) => propertyCard(property, report.objects))
  const vectors = report.vectors.map((vector) => vectorCard(vector))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(`${metadata.collection}: backup of ${metadata.timestamp.slice(0, 10)}`)}</title>
<style>${STYLE}${choiceStyle(report.map)}</style>
</head>
<body>
<header>
<h1>${escape(metadata.collection)}</h1>
<p>${plural(report.objects, 'object')}, ${formatBytes(archive.manifest.bytes)} as ${escape(metadata.options.format)}, backed up ${escape(readable(metadata.timestamp))} from Weaviate ${escape(metadata.weaviate_version)}</p>
</header>
<main>
${section('verification', 'Is it whole?', verification(archive, report))}
${report.map ? section('map', 'Map of the vectors', mapCard(report.map)) : ''}
${vectors.length > 0 ? section('vectors', 'Vectors', cards(vectors)) : ''}
${properties.length > 0 ? section('properties', 'Properties', cards(properties)) : ''}
${tenants ? section('tenants', 'Tenants', tenantsTable(tenants)) : ''}
${section('schema', 'Schema', schemaOf(schema))}
</main>
<footer><p>Made by @elysia/data-ops ${escape(metadata.tool_version)} from <code>${escape(archive.path)}</code></p></footer>
</body>
</html>
`
}

function section(id: string, title: string, body: string): string {
  return `<section aria-labelledby="${id}">\n<h2 id="${id}">${title}</h2>\n${body}\n</section>`
}

function verification({head, seal}: Archive, {objects, verified}: BackupReport): string {
  const {metadata} = head
  const whole = completeness(seal?.complete, metadata.options.include_data)
  const skipped = (seal?.tenants ?? []).filter((tenant) => tenant.skipped !== undefined).length
  const rows: Array<[name: string, value: string, isBad?: boolean]> = [
    [
      'Verified',
      `${readable(verified)}, for this page: every file has its sealed hash; ${plural(objects, 'object')} read, and their number and content digest are those of the seal`,
    ],
    ['Complete', whole.text, whole.isBad],
    ...(skipped > 0 ? [['Not in it', plural(skipped, 'tenant'), true] satisfies [string, string, boolean]] : []),
    ...(metadata.partial
      ? [['A part', 'objects or members of them were left out on purpose'] as [string, string]]
      : []),
    ...(seal
      ? [
          ['Sealed', readable(seal.finished)] as [string, string],
          ['Digest', seal.digest ?? 'not known'] as [string, string],
        ]
      : []),
    ['Id', metadata.backup_id],
  ]
  const guarantee = seal?.guarantee ?? metadata.guarantee
  if (guarantee !== undefined) rows.push(['Guarantee', guarantee])
  if (metadata.aliases?.length) rows.push(['Aliases', metadata.aliases.join(', ')])
  if (seal?.statistics.references) rows.push(['References', formatCount(seal.statistics.references)])
  return `<dl>${rows.map(([name, value, isBad]) => `<dt>${name}</dt><dd${isBad ? ' class="bad"' : ''}>${escape(value)}</dd>`).join('')}</dl>`
}

function tenantsTable(tenants: readonly SealedTenant[]): string {
  const rows = tenants
    .toSorted((a, b) => (b.object_count ?? Infinity) - (a.object_count ?? Infinity))
    .slice(0, TENANTS)
    .map(({name, object_count: objects, skipped}) => [
      name,
      skipped === undefined ? formatCount(objects ?? 0) : `not in it: ${skipped}`,
    ])
  const more = tenants.length - rows.length
  const rest = more > 0 ? `<p>… and ${formatCount(more)} more.</p>` : ''
  return `<p>${plural(tenants.length, 'tenant')}; those that are not in it, and those with the most objects, first.</p><div class="scroll" tabindex="0" role="region" aria-label="List of tenants">${dataTable(['Tenant', 'Objects#'], rows)}</div>${rest}`
}

function schemaOf(schema: unknown): string {
  return `<details><summary>As JSON</summary><pre tabindex="0" role="region" aria-label="Schema as JSON">${escape(JSON.stringify(schema, null, 2))}</pre></details>`
}

function readable(time: string): string {
  return `${time.slice(0, 16).replace('T', ' ')} UTC`
}
