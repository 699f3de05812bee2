import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assetDoor } from './assets.ts'
import { openListener } from './listen.ts'
import { openLog } from './log.ts'
import { html, page } from './page.ts'

test('a page finds its style sheet, and browsers may keep it', async (t) => {
  const log = openLog({ level: 'error', write: () => {} })
  const options = { host: '127.0.0.1', port: 0, hosts: ['127.0.0.1:0'], doors: [assetDoor], log, trustedProxies: [] }
  const listener = await openListener(options)
  t.after(() => listener.close())
  const path = /href="(\/assets\/[^"]+)"/.exec(page({ title: 'x', body: html`<p>x</p>` }))![1]!

  const sheet = await fetch(listener.url + path)
  assert.equal(sheet.headers.get('content-type'), 'text/css; charset=utf-8')
  assert.match(sheet.headers.get('cache-control')!, /immutable/)
  assert.match(await sheet.text(), /--accent/)
  const changed = await fetch(listener.url + path, { method: 'POST', body: 'x' })
  assert.equal(changed.status, 405)
  assert.equal((await fetch(`${listener.url}/assets/other.css`)).status, 404)
})
