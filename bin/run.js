#!/usr/bin/env node
// The commands without a host CLI.
import {execute} from '@oclif/core'

// oclif prints the arguments before it runs any hook.
if (process.env.DEBUG) {
  const {maskDebugOutput, secretsOfCall} = await import('../dist/debug-output.js')
  maskDebugOutput(secretsOfCall(process.argv.slice(2), process.env))
}

// Not awaited: when whoever reads our output leaves (`… | head`), oclif waits for ever, and Node would complain.
// eslint-disable-next-line no-void -- see above
void execute({dir: import.meta.url})
