/** The kinds of item that an upstream offers, in the order in which they are shown. */
export const itemKinds = ['tool', 'prompt', 'resource', 'template', 'method', 'text', 'extension'] as const

/**
 * What an item of the inventory is on the wire. `tool`, `prompt`, `resource` and `template` (a family of resource
 * addresses) are what the protocol lists · `method`: a method outside the protocol, which an administrator declared ·
 * `text`: words for the model, such as the upstream's instructions · `extension`: a capability that it declares.
 */
export type ItemKind = (typeof itemKinds)[number]

/** An item by its kind and by what it is called on the wire. */
export interface ItemName {
  kind: ItemKind
  /** The tool's or prompt's name, the resource's URI, the URI template, the method, the extension's identifier. */
  key: string
}

/** The longest name of an item, in characters: a URI of 1,024 behind the longest kind. */
export const itemNameMax = 1_040

/** The one item of kind `text`: what the upstream tells every model that connects. */
export const instructionsKey = 'instructions'

const visible = /^[\u0021-\u007e](?:[\u0020-\u007e]{0,126}[\u0021-\u007e])?$/
// RFC 3986: a scheme, then nothing but its characters and whole percent-encodings.
const uri = /^[A-Za-z][A-Za-z0-9+.-]{0,31}:(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/
const template = /^[A-Za-z][A-Za-z0-9+.-]{0,31}:(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;={}|]|%[0-9A-Fa-f]{2})+$/
const uriMax = 1_024

const fits: Record<ItemKind, (key: string) => boolean> = {
  tool: (key) => /^[A-Za-z0-9_./-]{1,128}$/.test(key) && key !== '__proto__',
  prompt: (key) => visible.test(key),
  resource: (key) => key.length <= uriMax && uri.test(key),
  template: (key) => key.length <= uriMax && template.test(key) && key.includes('{'),
  method: (key) => /^[A-Za-z0-9_$.-]+(?:\/[A-Za-z0-9_$.-]+)*$/.test(key) && key.length <= 128,
  text: (key) => key === instructionsKey,
  extension: (key) => /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/.test(key),
}

/**
 * The name of an item in the inventory, in entitlements, grants and the ledger: a tool's own name, and for every other kind
 * `<kind>:<key>`. Tool names hold no colon, so no two items share a name.
 */
export function nameOfItem({ kind, key }: ItemName): string {
  return kind === 'tool' ? key : `${kind}:${key}`
}

/** The item that a name stands for. What begins with no kind is the name of a tool. */
export function itemOf(name: string): ItemName {
  const colon = name.indexOf(':')
  const kind = colon < 0 ? undefined : itemKinds.find((one) => one !== 'tool' && one === name.slice(0, colon))
  return kind === undefined ? { kind: 'tool', key: name } : { kind, key: name.slice(colon + 1) }
}

/** Whether this may be the name of an item: bounded, of characters that everybody reads alike. */
export function isItem({ kind, key }: ItemName): boolean {
  return fits[kind](key)
}
