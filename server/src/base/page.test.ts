import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from './fault.ts'
import { html, page, pageHeaders } from './page.ts'
import { style } from './style.ts'

test('html escapes every value, in text and in attributes', () => {
  const hostile = `"><script>alert('1')</script>&`
  const text = html`<p title="${hostile}">${hostile}</p>`.toString()
  assert.equal(text.match(/</g)?.length, 2)
  assert.doesNotMatch(text, /<script|title=""/)
  assert.match(text, /&lt;script&gt;alert\(&#39;1&#39;\)&lt;\/script&gt;&amp;/)
})

test('html keeps markup that it made, joins lists, and shows nothing for what is absent', () => {
  const items = ['a', '<b>'].map((item) => html`<i>${item}</i>`)
  assert.equal(html`${items}${undefined}${null}${false}${true}`.toString(), '<i>a</i><i>&lt;b&gt;</i>')
})

test('html refuses a promise instead of showing a page without it', () => {
  assert.throws(() => html`<p>${Promise.resolve('late')}</p>`, TypeError)
})

test('a page escapes its title and everything in its navigation', () => {
  const hostile = '<img src=x onerror=alert(1)>'
  const nav = { items: [{ href: '/a"b', label: hostile, count: 3 }], who: hostile }
  const text = page({ title: hostile, body: html`<h1>${hostile}</h1>`, nav })
  assert.doesNotMatch(text, /<img/)
  assert.match(text, /href="\/a&quot;b"/)
})

test('a page has no script, no inline style and nothing from elsewhere', () => {
  const text = page({
    title: 'Grants',
    body: html`<p>x</p>`,
    nav: { items: [{ href: '/', label: 'Home', current: true }] },
  })
  assert.match(text, /^<!doctype html>/)
  assert.match(text, /aria-current="page"/)
  assert.match(text, new RegExp(`href="${style.path}"`))
  assert.doesNotMatch(text, /<script|<style|style=|src=|https?:\/\//)
})

test('the style sheet loads nothing', () => {
  assert.doesNotMatch(style.text, /@import|url\(|@font-face/)
  assert.match(style.path, /^\/assets\/style-[0-9a-f]{12}\.css$/)
})

test('a page may send forms only to this origin, and be framed by nobody', () => {
  const headers = pageHeaders()
  assert.equal(
    headers['content-security-policy'],
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  )
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-frame-options'], 'DENY')
})

const formActions: [string, string][] = [
  ['https://client.example/callback?x=1', 'https://client.example'],
  ['http://127.0.0.1:33418/callback', 'http://127.0.0.1:33418'],
  ['http://[::1]:8080/', 'http:'],
  ['cursor://anysphere.cursor-retrieval/oauth', 'cursor:'],
  ['com.example.app:/oauth', 'com.example.app:'],
  ["https://a.example/;script-src 'unsafe-inline'", 'https://a.example'],
]

for (const [address, source] of formActions) {
  test(`a form that ends at ${address} is allowed as ${source}`, () => {
    const policy = pageHeaders({ formActions: [address] })['content-security-policy']!
    assert.ok(policy.includes(`form-action 'self' ${source}; frame-ancestors`), policy)
  })
}

for (const address of ['', 'nowhere', 'https://a;script-src *', 'https://*']) {
  test(`a form that ends at \`${address}\` is refused`, () => {
    assert.throws(() => pageHeaders({ formActions: [address] }), Fault)
  })
}
