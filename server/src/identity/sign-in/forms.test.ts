import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { openCookies } from './cookies.ts'
import { checkOrigin, checkToken, openBrowsers, signedInToken } from './forms.ts'

const ours = 'https://gate.example'
const from = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage
const refused = { code: 'identity.form_refused' }

test('with https the cookies belong to this very host', () => {
  const cookies = openCookies(ours)
  assert.equal(
    cookies.write('sallyport', 'secret', 60),
    '__Host-sallyport=secret; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax',
  )
  assert.match(cookies.clear('sallyport'), /^__Host-sallyport=; Max-Age=0; Path=\//)
  assert.equal(cookies.read(from({ cookie: 'a=b; __Host-sallyport=x' }), 'sallyport'), 'x')
  assert.equal(
    cookies.read(from({ cookie: 'sallyport=x' }), 'sallyport'),
    undefined,
    'a name without the prefix is another',
  )
})

test('a request says where it comes from, or is refused', () => {
  const good: Record<string, string>[] = [
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'same-origin', origin: 'null' },
    { 'sec-fetch-site': 'same-origin', origin: ours },
    { origin: ours },
  ]
  const bad: Record<string, string>[] = [
    {},
    { origin: 'null' },
    { origin: 'https://evil.example' },
    { origin: `${ours}.evil.example` },
    { origin: 'http://gate.example' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-site', origin: ours },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
  ]
  for (const headers of good) checkOrigin(from(headers), ours)
  for (const headers of bad) assert.throws(() => checkOrigin(from(headers), ours), refused, JSON.stringify(headers))
})

test('a token is taken from fields of either shape, and only the right one', () => {
  const token = signedInToken('secret')
  checkToken(new URLSearchParams({ csrf: token }), token)
  checkToken({ csrf: token }, token)
  for (const csrf of ['', 'x', `${token}x`, signedInToken('other'), undefined, 7, [token]]) {
    assert.throws(() => checkToken({ csrf }, token), refused)
  }
  assert.throws(() => checkToken({}, token), refused)
  assert.equal(token.includes('secret'), false)
})

test('a browser is known by a cookie that we signed, under any key that is still in use', () => {
  const cookies = openCookies(ours)
  const met = openBrowsers(cookies, ['old key']).meet(from({}))
  const cookie = met.cookie!.split(';')[0]!
  const known = openBrowsers(cookies, ['new key', 'old key']).know(from({ cookie }))
  assert.equal(known?.token, met.token)
  assert.equal(openBrowsers(cookies, ['new key']).know(from({ cookie })), undefined)
  assert.equal(openBrowsers(cookies, ['old key']).know(from({ cookie: `${cookie}x` })), undefined)
  assert.equal(openBrowsers(cookies, ['old key']).know(from({ cookie: '__Host-sallyport-browser=a.b' })), undefined)
  assert.equal(openBrowsers(cookies, ['old key']).meet(from({ cookie })).cookie, undefined, 'it is not renewed')
})
