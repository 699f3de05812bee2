import type { Door } from './listen.ts'
import { style } from './style.ts'

/**
 * Serves what the pages load: the style sheet, at the address that `page()` names.
 *
 * Open to everybody, signed in or not. Anything else under `/assets/` is not found.
 */
export const assetDoor: Door = {
  name: 'assets',
  match: (path) => path === style.path,
  handle: (req, res) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.writeHead(405, { allow: 'GET, HEAD' }).end()
      return
    }
    res.writeHead(200, { ...style.headers, 'content-length': Buffer.byteLength(style.text) })
    res.end(style.text)
  },
}
