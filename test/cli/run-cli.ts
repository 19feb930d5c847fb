/** Runs the built commands: within this process, which is fast, or as a process of their own. */
import {run, settings} from '@oclif/core'
import {captureOutput} from '@oclif/test'
import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {vi} from 'vitest'

export const root = fileURLToPath(new URL('../..', import.meta.url))
if (!existsSync(path.join(root, 'dist', 'commands'))) throw new Error('The commands are not built: npm run build')

// dist is run as it is, never src.
settings.enableAutoTranspile = false

export interface CliRun {
  code: number
  /** Of stdout, which must be one JSON document when it is asked for. */
  json: () => Record<string, unknown>
  stderr: string
  stdout: string
}

/** Variables that the commands look at. */
const OURS = /^(ELYSIA|WEAVIATE_|WCD_|HOME$|XDG_)/

/** Runs a command in this process, in an environment that holds nothing of ours but `env`. */
export async function cli(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliRun> {
  const savedCode = process.exitCode
  for (const name of Object.keys(process.env)) if (OURS.test(name)) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries({HOME: emptyHome, ...env})) vi.stubEnv(name, value)
  process.exitCode = undefined
  try {
    const {error, stderr, stdout} = await captureOutput(async () => run([...argv], {root}))
    const thrown = (error as undefined | {oclif?: {exit?: number}})?.oclif?.exit
    return toRun(thrown ?? Number(process.exitCode ?? '0'), stdout, stderr)
  } finally {
    process.exitCode = savedCode
    vi.unstubAllEnvs()
  }
}

function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.test(name)))
}

export interface CliProcess {
  done: Promise<CliRun>
  kill: (signal: NodeJS.Signals) => void
  /** Resolves once stderr holds the text, or the process has ended. */
  said: (text: string) => Promise<void>
}

/** Starts a program of node as a process of its own, stdin closed. */
export function start(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  script = path.join(root, 'bin', 'run.js'),
): CliProcess {
  const child = spawn(process.execPath, [script, ...argv], {
    env: {...withoutOurs(process.env), HOME: emptyHome, ...env},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const done = new Promise<CliRun>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      resolve(toRun(code ?? -1, stdout, signal ? `${stderr}\n(${signal})` : stderr))
    })
  })
  return {
    done,
    kill(signal) {
      child.kill(signal)
    },
    async said(text) {
      const heard = new Promise<void>((resolve) => {
        const look = (): void => {
          if (stderr.includes(text)) resolve()
        }

        child.stderr.on('data', look)
        look()
      })
      await Promise.race([heard, done])
    },
  }
}

function toRun(code: number, stdout: string, stderr: string): CliRun {
  return {code, json: () => JSON.parse(stdout) as Record<string, unknown>, stderr, stdout}
}

/** A home without settings, so that nobody's own are read. */
const emptyHome = path.join(tmpdir(), `data-ops-no-home-${process.pid}`)

export async function temporaryFolder(): Promise<{path: string; remove: () => Promise<void>}> {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-cli-'))
  return {path: folder, remove: async () => rm(folder, {force: true, recursive: true})}
}
