import { Fault } from '../../base/fault.ts'

const namesMax = 20
const valueCharactersMax = 8_192

/** Variables that decide which code a process runs or where it looks: a credential never is one of them. */
const steeringVariables =
  /^(path|home|shell|ifs|env|bash_env|tmpdir|pwd|lang|lc_.*|ld_.*|dyld_.*|node_.*|npm_.*|python.*|perl.*|ruby.*|java_.*|_java_options|jdk_.*|git_.*|ssl_cert_.*|openssl_.*|(http|https|all|no)_proxy)$/i

/** Headers that frame the message, route it or belong to MCP itself. */
const steeringHeaders =
  /^(host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|content-.*|accept.*|expect|origin|forwarded|x-forwarded-.*|via|mcp-.*|last-event-id|proxy-.*)$/i

export function readCredentialValues(
  placement: 'env' | 'headers',
  values: Record<string, string>,
): Record<string, string> {
  const pairs = Object.entries(values)
  if (pairs.length === 0 || pairs.length > namesMax) {
    throw refused(`give 1 to ${namesMax} names with their values`)
  }
  const read: [string, string][] = []
  for (const [name, value] of pairs) {
    if (placement === 'env') {
      if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) throw refused(`\`${name}\` is not a name of a variable`)
      if (steeringVariables.test(name)) throw refused(`\`${name}\` steers the process and cannot be a credential`)
    } else {
      if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name)) throw refused(`\`${name}\` is not a name of a header`)
      if (steeringHeaders.test(name)) throw refused(`\`${name}\` steers the message and cannot be a credential`)
    }
    // Never quote the value.
    if (typeof value !== 'string' || value.length === 0 || value.length > valueCharactersMax) {
      throw refused(`the value of \`${name}\` must have 1 to ${valueCharactersMax} characters`)
    }
    if (hasControl(value, placement)) throw refused(`the value of \`${name}\` holds a character that cannot be sent`)
    read.push([placement === 'headers' ? name.toLowerCase() : name, value])
  }
  const unique = new Map(read)
  if (unique.size !== read.length) throw refused('two of the names are the same header')
  return Object.fromEntries(unique)
}

function hasControl(value: string, placement: 'env' | 'headers'): boolean {
  // Private keys in variables have line ends; headers are visible ASCII only.
  return placement === 'env' ? /[^\P{Cc}\t\n\r]/u.test(value) : !/^[\x20-\x7e]+$/.test(value)
}

function refused(why: string): Fault {
  return new Fault('vault.connection_invalid', `cannot store this credential: ${why}`)
}
