/** The manifests hold what docs/kubernetes.md says of them; their schemas are checked by `npm run test:kubernetes`. */
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {parseAllDocuments} from 'yaml'

import {EXIT_CODES} from '../../src/model/errors.js'
import {root} from '../support/root.js'

interface Container {
  args?: string[]
  command?: string[]
  name: string
  securityContext: Record<string, unknown>
}

interface JobSpec {
  completionMode?: string
  completions?: number
  parallelism?: number
  podFailurePolicy: {rules: Array<{action: string; onExitCodes?: {values: number[]}}>}
  template: {
    spec: Record<string, unknown> & {containers: Container[]; initContainers?: Container[]; securityContext: object}
  }
}

interface Manifest {
  automountServiceAccountToken?: boolean
  kind: string
  spec: JobSpec & {concurrencyPolicy?: string; jobTemplate?: {spec: JobSpec}}
}

const folder = path.join(root, 'deploy', 'kubernetes')
const manifests = readdirSync(folder).flatMap((file) =>
  parseAllDocuments(readFileSync(path.join(folder, file), 'utf8')).map((document) => {
    expect(document.errors, file).toEqual([])
    return {file, manifest: document.toJS() as Manifest}
  }),
)
const jobs = manifests
  .filter(({manifest}) => ['CronJob', 'Job'].includes(manifest.kind))
  .map(({file, manifest: {spec}}) => ({file, spec: spec.jobTemplate?.spec ?? spec}))

const {commands} = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, {flags: object}>
}

/** Words of a command as they stand in a manifest: its name, and flags that it has. */
function checkCommand(words: readonly string[], file: string): void {
  const id = [3, 2].map((count) => words.slice(0, count).join(':')).find((name) => Object.hasOwn(commands, name))
  expect(id, `${file}: ${words.join(' ')}`).toBeDefined()
  const flags = words.filter((word) => word.startsWith('--')).map((word) => word.slice(2))
  expect(Object.keys(commands[id ?? '']?.flags ?? {}), file).toEqual(expect.arrayContaining(flags))
}

describe('deploy/kubernetes', () => {
  it('has a job, a job of each night and a restore, and an account without rights', () => {
    expect(jobs.map(({file}) => file)).toEqual(['backup-cronjob.yaml', 'backup-job.yaml', 'restore-job.yaml'])
    expect(manifests.map(({manifest: {kind}}) => kind).filter((kind) => kind.includes('Role'))).toEqual([])
    const account = manifests.find(({manifest: {kind}}) => kind === 'ServiceAccount')?.manifest
    expect(account?.automountServiceAccountToken).toBe(false)
  })

  it.each(jobs)('$file: pods are restricted, and get no token', ({spec: {template}}) => {
    const {containers, initContainers = [], ...pod} = template.spec
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      securityContext: {runAsNonRoot: true, seccompProfile: {type: 'RuntimeDefault'}},
      serviceAccountName: 'data-ops',
    })
    for (const {securityContext} of [...containers, ...initContainers]) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        capabilities: {drop: ['ALL']},
        readOnlyRootFilesystem: true,
      })
    }
  })

  it.each(jobs)('$file: nothing is tried again that has ended for good', ({spec: {podFailurePolicy}}) => {
    const codesOf = (action: string): number[] =>
      podFailurePolicy.rules
        .filter((rule) => rule.action === action)
        .flatMap(({onExitCodes}) => onExitCodes?.values ?? [])
    // 1 and 6 may pass; 130 was told to stop.
    const final = [...new Set(Object.values(EXIT_CODES))].filter((code) => ![1, 6, 130].includes(code))
    expect(codesOf('FailJob')).toEqual(final.toSorted((a, b) => a - b))
    expect(codesOf('Ignore')).toEqual([EXIT_CODES.INTERRUPTED])
  })

  it.each(jobs)('$file: runs commands and flags that there are', ({file, spec: {template}}) => {
    const {containers, initContainers = []} = template.spec
    for (const {args, command} of [...containers, ...initContainers]) {
      const line = /elysia-data-ops (.*?);/.exec(command?.at(-1) ?? '')?.[1]
      checkCommand(args ?? line?.split(' ') ?? [], file)
    }
  })

  it.each(jobs)('$file: as many pods as it says', ({spec}) => {
    expect(spec).toMatchObject({completionMode: 'Indexed', completions: spec.parallelism})
    const [work] = spec.template.spec.containers
    expect(JSON.stringify(work)).toContain(`{"name":"JOB_COMPLETIONS","value":"${spec.completions}"}`)
  })
})
