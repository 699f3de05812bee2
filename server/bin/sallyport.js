#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { runScript } from './runtime.js'

await runScript(fileURLToPath(new URL('../src/cli/main.ts', import.meta.url)), process.argv.slice(2))
