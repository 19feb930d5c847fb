#!/usr/bin/env node
// The commands without a host CLI.
import {readFileSync} from 'node:fs'

import {oldNode} from '../dist/node-version.js'

const {engines} = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const problem = oldNode(process.versions.node, engines.node.replace('>=', ''))
if (problem === undefined) {
  // oclif prints the arguments before it runs any hook.
  if (process.env.DEBUG) {
    const {maskDebugOutput, secretsOfCall} = await import('../dist/debug-output.js')
    maskDebugOutput(secretsOfCall(process.argv.slice(2), process.env))
  }

  const {execute} = await import('@oclif/core')
  // Help and the version are no commands, which do this by themselves.
  const {guardStreams} = await import('../dist/streams.js')
  guardStreams()
  // Not awaited: when whoever reads our output leaves (`… | head`), oclif waits for ever, and Node would complain.
  // eslint-disable-next-line no-void -- see above
  void execute({dir: import.meta.url})
} else {
  console.error(problem)
  process.exitCode = 1
}
