// An application with people and a session of its own, and the page by which programs connect as one of them.

import { randomBytes, timingSafeEqual, createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { vouch } from '@sallyport/guard/login'

const { APP_PASSWORD: password, APP_BRIDGE_SECRET: secret, SALLYPORT_URL: gateway } = process.env
if (!password || !secret || !gateway) {
  console.error('set APP_PASSWORD, APP_BRIDGE_SECRET and SALLYPORT_URL; see README.md')
  process.exit(1)
}

const bridge = { gateway, id: 'app', secret }
const ana = { id: 'u-17', name: 'Ana Lima', email: 'ana@example.com' }
/** @type {Map<string, typeof ana>} Cookie → who is signed in. */
const sessions = new Map()

const server = createServer((request, response) => {
  serve(request, response).catch((error) => page(response, 502, `<p>That did not work: ${escape(error.message)}</p>`))
})
server.listen(Number(process.argv[2] ?? 8760), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/connect`)
})

/** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
async function serve(request, response) {
  const url = new URL(request.url, 'http://app')
  if (url.pathname !== '/connect') return page(response, 404, '<p>There is nothing here.</p>')
  const person = sessions.get(/\bapp=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '')
  if (request.method === 'GET') return page(response, 200, formFor(person, url.searchParams.get('external_auth_id')))
  // A form of another site is not one that the person has seen here.
  if (request.headers['sec-fetch-site'] !== 'same-origin') return page(response, 403, '<p>Not from this page.</p>')
  const form = new URLSearchParams(await read(request))
  const externalAuthId = form.get('external_auth_id')
  if (!person) {
    if (!same(form.get('password') ?? '', password)) return page(response, 401, formFor(undefined, externalAuthId))
    const cookie = randomBytes(32).toString('base64url')
    sessions.set(cookie, ana)
    response.setHeader('set-cookie', `app=${cookie}; HttpOnly; SameSite=Lax; Path=/`)
    return page(response, 200, formFor(ana, externalAuthId))
  }
  const location = await vouch(bridge, { externalAuthId: externalAuthId ?? '', user: person })
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end()
}

/** @param {typeof ana | undefined} person @param {string | null} externalAuthId */
function formFor(person, externalAuthId) {
  const asked = person
    ? `<p>Connect a program to your account, as ${escape(person.name)}?</p>`
    : '<p><label>Password of Ana Lima <input type="password" name="password" required></label></p>'
  return `<form method="post" action="/connect">
    <input type="hidden" name="external_auth_id" value="${escape(externalAuthId ?? '')}">
    ${asked}<button>${person ? 'Connect' : 'Sign in'}</button></form>`
}

function page(response, status, body) {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(`<!doctype html><title>Example App</title><h1>Example App</h1>${body}`)
}

async function read(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function same(given, wanted) {
  const digest = (text) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}

function escape(text) {
  return String(text).replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
