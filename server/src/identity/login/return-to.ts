const charactersMax = 2_048

/**
 * Where a login may lead to: a path of ours, or `/` for anything else. What browsers read differently from what it looks
 * like (`//host`, `\`, tabs, `/..//host`) is anything else.
 */
export function readReturnTo(text: unknown): string {
  if (typeof text !== 'string' || text.length > charactersMax || !/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text))
    return '/'
  const anywhere = 'https://sallyport.invalid'
  if (!URL.canParse(text, anywhere)) return '/'
  const url = new URL(text, anywhere)
  const path = url.pathname + url.search
  return url.origin === anywhere && !path.startsWith('//') ? path : '/'
}
