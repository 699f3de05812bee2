import { readFileSync } from 'node:fs'
import { digestOf } from '../../base/ids.ts'

const text = readFileSync(new URL('./passkey.js', import.meta.url), 'utf8')

/** The one script there is: browsers speak to authenticators by script only. Its address changes with its content. */
export const script = {
  path: `/sign-in/passkey-${digestOf(text).slice(0, 12)}.js`,
  text,
  headers: {
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  },
} as const
