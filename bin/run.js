#!/usr/bin/env node
// The commands without a host CLI.
import {execute} from '@oclif/core'

await execute({dir: import.meta.url})
