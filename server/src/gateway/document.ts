import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import { readApi } from './upstream/openapi/api.ts'

/** What would become of an OpenAPI document. */
export interface ReadDocument {
  /** Where its API is. */
  server: string
  /** SHA-256 of its text, lower-case hexadecimal. */
  digest: string
}

/** YAML is read twenty times slower than JSON, and while it is read nothing else happens. */
const yamlBytesMax = 1024 * 1024

/**
 * Reads an OpenAPI document that somebody brings; see `Gateway.readDocument`, which is this.
 *
 * @throws {Fault} `gateway.document_unusable`
 */
export function readDocument(text: string, server: string | undefined): ReadDocument {
  try {
    if (!/^\s*\{/.test(text) && Buffer.byteLength(text) > yamlBytesMax)
      throw new Error(`it is larger than ${yamlBytesMax} bytes, and as YAML it may not be: give it as JSON`)
    const { base, tools, leftOut } = readApi(text, server)
    const [first] = leftOut
    if (tools.size === 0) {
      throw new Error(
        first === undefined
          ? 'it has no operation (at `#/paths`)'
          : `none of its ${leftOut.length} operations can be a tool; of ${first.operation}: ${first.why}`,
      )
    }
    return { server: base.href, digest: digestOf(text) }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Fault('gateway.document_unusable', `cannot use this document: ${why.slice(0, 500)}`, { cause: error })
  }
}
