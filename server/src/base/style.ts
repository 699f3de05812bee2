import { readFileSync } from 'node:fs'
import { digestOf } from './ids.ts'

const text = readFileSync(new URL('./page/style.css', import.meta.url), 'utf8')

/**
 * The one style sheet, for pages and console alike. Its address changes with its content, so that browsers may keep it
 * for ever.
 */
export const style = {
  path: `/assets/style-${digestOf(text).slice(0, 12)}.css`,
  text,
  headers: {
    'content-type': 'text/css; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  },
} as const
