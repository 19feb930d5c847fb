/** A source as transforms make it: looked through once before anything is written, so that what it holds then is known, and what cannot be is refused. */
import type {BackupHead} from '../../codec/document.js'
import type {ObjectSource, ReadSourceOptions, SourceContent, SourcePage} from '../../flow/source.js'
import type {OperationOptions, Warning} from '../../model/progress.js'
import type {WeaviateTenant} from '../../model/tenant.js'

import {ContentDigest, type ContentState} from '../../archive/content-digest.js'
import {convert} from '../../flow/transform/properties.js'
import {receiveChain, sendChain, type SentChain} from '../../flow/transform/sent.js'
import {selectTenants} from '../../flow/transform/tenants.js'
import {type Transform, TransformChain} from '../../flow/transform/transform.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant} from '../../model/schema.js'
import {changesEachTime, lookThrough, type Survey, type TransformPreview} from '../survey.js'
import {heldTenants} from './checks.js'
import {type RestoreOptions} from './options.js'
import {SameAnswers} from './same-answers.js'

/** The choice of tenants among the transforms, where it is more than names, or others may change them. */
export function withTenantsAsTransform<Options extends RestoreOptions>(options: Options): Options {
  const {tenants: rules = [], transforms = []} = options
  const isPlain = rules.every((rule) => !/[*=?]/.test(rule))
  if (rules.length === 0 || (isPlain && transforms.length === 0)) return options
  return {...options, tenants: undefined, transforms: [selectTenants(rules), ...transforms]}
}

/** Those that a restore is given, and with them values that follow the types that `overrides` give their properties. */
export function transformsOf({overrides = {}, transforms = []}: RestoreOptions): Transform[] {
  const conversions: Transform[] = []
  for (const [path, value] of Object.entries(overrides)) {
    const [, name] = /^properties\.([^.]+)\.dataType$/.exec(path) ?? []
    const [type] = Array.isArray(value) ? value : [value]
    if (name !== undefined && typeof type === 'string') conversions.push(convert(name, type))
  }

  return [...transforms, ...conversions]
}

/** @throws DataOpsError INVALID_INPUT when a transform does not fit the source, or an object of it. */
export async function transformSource(
  source: ObjectSource,
  transforms: readonly Transform[],
  {onProgress, signal}: OperationOptions,
): Promise<ObjectSource & {warnings?: readonly Warning[]}> {
  if (transforms.length === 0) return source
  const {head} = source
  const chain = await TransformChain.of(transforms, {
    async *read(columns) {
      for await (const {objects} of source.pages({columns, signal})) yield objects
    },
    schema: head.schema,
    signal,
    tenants: isMultiTenant(head.schema) ? heldTenants(source) : undefined,
  })
  const pages = source.pages({signal})
  const looking = {expected: source.objectCount, onProgress, schema: head.schema, signal}
  const survey = await lookThrough(pages, chain, looking).catch((error: unknown) => {
    // What cannot be changed is found before the target is touched.
    const isTransforms = error instanceof DataOpsError && error.code === 'INVALID_INPUT'
    throw isTransforms ? error.with({message: `${error.message} Nothing was written.`}) : error
  })
  return new TransformedSource(source, chain, survey)
}

/** What another machine changes a source by, without looking through it again: JSON. */
export interface SentTransforms {
  chain: SentChain
  content: ContentState
  most: number
  preview: TransformPreview
  tenants: string[]
}

/** @throws DataOpsError INVALID_INPUT when a module is not there, or not the same any more. */
export async function transformAgain(
  source: ObjectSource,
  {chain: sent, content, tenants, ...survey}: SentTransforms,
): Promise<{source: ObjectSource; transforms: Transform[]}> {
  const chain = await receiveChain(sent)
  const known = {...survey, content: new ContentDigest(chain.schema, content), tenants: new Set(tenants)}
  const transforms = chain.steps.map(({transform}) => transform)
  return {source: new TransformedSource(source, chain, known), transforms}
}

export class TransformedSource implements ObjectSource {
  /** Of functions that change what others may change as well. */
  readonly #answers: SameAnswers | undefined
  readonly head: BackupHead

  constructor(
    private readonly source: ObjectSource,
    private readonly chain: TransformChain,
    private readonly survey: Survey,
  ) {
    const {metadata} = source.head
    if (source.isLive && usesFunctions(chain)) this.#answers = new SameAnswers(source.head.schema)
    const {tenants: _, ...rest} = metadata
    this.head = {
      metadata: {
        ...rest,
        ...(isMultiTenant(chain.schema) && {tenants: allTenants(chain, survey)}),
        transforms: [...(Array.isArray(metadata.transforms) ? metadata.transforms : []), ...chain.records],
      },
      schema: chain.schema,
    }
  }

  /** With how its rows are numbered, and which were chosen: looked through again, a live source may need more of them, or have others. */
  get fingerprint(): string {
    const {fingerprint, isLive} = this.source
    if (!isLive) return fingerprint
    const chosen = this.chain.records.filter(({last}) => last !== undefined)
    return [fingerprint, this.survey.most, ...chosen.map((record) => JSON.stringify(record))].join(' ')
  }

  get isTransformed(): boolean {
    return true
  }

  /** What the transforms have found that is to be told. */
  get warnings(): readonly Warning[] {
    return this.chain.warnings
  }

  get isLive(): boolean | undefined {
    return this.source.isLive
  }

  get name(): string {
    return this.source.name
  }

  get objectCount(): number {
    return this.survey.content.objects
  }

  get path(): string {
    return this.source.path
  }

  /** undefined: functions of this program change it, and stay here. */
  get sent(): SentTransforms | undefined {
    const {content, most, preview, tenants} = this.survey
    const chain = sendChain(this.chain)
    // Without the object that it shows.
    const {example: _, ...rest} = preview
    return chain && {chain, content: content.state(), most, preview: rest, tenants: [...tenants]}
  }

  /** Rows for each of the source's own. */
  get most(): number {
    return this.survey.most
  }

  get workers(): number | undefined {
    return this.source.workers
  }

  /** What a dry run tells. */
  get preview(): TransformPreview {
    return this.survey.preview
  }

  get seal(): SourceContent {
    const {content} = this.survey
    const isFixed = this.source.seal?.digest !== undefined
    const {complete, counted, missing} = this.source.seal ?? {}
    return {
      ...(complete !== undefined && {complete}),
      ...(counted && {counted}),
      ...(missing && {missing}),
      ...(isFixed && {digest: content.hex()}),
      object_count: content.objects,
      statistics: content.statistics,
      ...(isMultiTenant(this.head.schema) && {
        tenants: (this.head.metadata.tenants ?? []).map(({name}) => {
          const {digest, objectCount} = content.tenant(name)
          return {digest, name, object_count: objectCount}
        }),
      }),
    }
  }

  async assertWhole(options?: OperationOptions): Promise<void> {
    await this.source.assertWhole(options)
  }

  /** Whether each object can become something else when it is asked for again, and that would show. */
  get #isDoubtful(): boolean {
    return !this.isLive && usesFunctions(this.chain)
  }

  /** Each object that comes of one has a row of its own. */
  async *pages(options: ReadSourceOptions = {}): AsyncGenerator<SourcePage, void, undefined> {
    const {most} = this.survey
    const {columns, fromRow = 0} = options
    const again =
      options.check && columns === undefined && this.#isDoubtful ? new ContentDigest(this.head.schema) : undefined
    const read = {
      ...options,
      columns: columns !== undefined && this.chain.readsObjects ? 'all' : columns,
      fromRow: again ? 0 : Math.floor(fromRow / most),
    } as const
    for await (const page of this.source.pages(read)) {
      const {objects, rows} = await this.chain.page(page, options.signal)
      if (this.#answers?.areIn(page, {objects, rows}) === false) throw changesEachTime(this.path)
      for (const object of again ? objects : []) again?.add(object)
      if (page.endRow * most <= fromRow) continue
      yield renumbered(page, {fromRow, most, objects, rows: ownRows(rows, most)})
    }

    if (again && again.hex() !== this.survey.content.hex()) throw changesEachTime(this.path)
  }
}

/** What became of a page, from a row on, where each object has `most` rows. */
function renumbered(
  {endRow, firstRow, gone}: SourcePage,
  {fromRow, most, objects, rows}: Pick<SourcePage, 'objects' | 'rows'> & {fromRow: number; most: number},
): SourcePage {
  const first = rows.findIndex((row) => row >= fromRow)
  const at = first === -1 ? rows.length : first
  return {
    endRow: endRow * most,
    firstRow: Math.max(fromRow, firstRow * most),
    // One row stands for all that would have come of it.
    ...(gone && {gone: gone.map((row) => row * most)}),
    objects: objects.slice(at),
    rows: rows.slice(at),
  }
}

function usesFunctions({records}: TransformChain): boolean {
  return records.some(({kind}) => kind === 'functions')
}

function ownRows(rows: readonly number[], most: number): number[] {
  let same = 0
  return rows.map((row, index) => {
    same = index > 0 && rows[index - 1] === row ? same + 1 : 0
    if (same >= most) {
      throw new DataOpsError(
        'INVALID_INPUT',
        `More than ${most} objects come of one now: it changed since it was looked at.`,
        {hint: 'Run it again.'},
      )
    }

    return row * most + same
  })
}

/** Functions may name tenants that nothing else does. */
function allTenants({tenants = []}: TransformChain, survey: Survey): WeaviateTenant[] {
  const known = new Set(tenants.map(({name}) => name))
  const others = [...survey.tenants].filter((name) => !known.has(name)).sort()
  return [...tenants, ...others.map((name) => ({name, status: 'HOT' as const}))]
}
