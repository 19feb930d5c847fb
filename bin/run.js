#!/usr/bin/env node
// The commands without a host CLI.
import {execute} from '@oclif/core'

// Not awaited: when whoever reads our output leaves (`… | head`), oclif waits for ever, and Node would complain.
// eslint-disable-next-line no-void -- see above
void execute({dir: import.meta.url})
