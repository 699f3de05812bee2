import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { hashBytes } from './merkle.ts'

/** The Ed25519 signature type of signed notes. */
const ed25519 = 1
const keyBytes = 32
const signatureBytes = 64
const signaturesMax = 64
const noteBytesMax = 64 * 1024

/** A public key of a ledger, under the name that its signatures carry. */
export interface NoteKey {
  readonly name: string
  /** First four bytes of the hash of name, type and key: eight hexadecimal digits. */
  readonly id: string
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

/** The head of a ledger: its name, its size and the root over all its entries. */
export interface Checkpoint {
  origin: string
  size: number
  root: Uint8Array
}

/** A checkpoint as it was read, with the signatures that it carries, nothing verified yet. */
export interface SignedCheckpoint extends Checkpoint {
  /** The signed text, ending in a newline. */
  body: string
  /** The whole note. */
  note: string
  signatures: { name: string; keyId: string; signature: Uint8Array }[]
}

/** What signs checkpoints: the vault's Ed25519 key, which never leaves it. */
export interface Signer {
  /** Name of the note key. */
  name: string
  /** 32 bytes. */
  publicKey: Uint8Array
  /** @returns the 64 bytes of the Ed25519 signature. */
  sign(bytes: Uint8Array): Promise<Uint8Array> | Uint8Array
}

/**
 * Makes the note key of a name and an Ed25519 public key.
 *
 * @throws {Fault} `ledger.invalid` for a name with spaces, `+` or control characters, or a key that is not 32 bytes.
 * @see https://c2sp.org/signed-note
 */
export function noteKey(name: string, publicKey: Uint8Array): NoteKey {
  if (!isKeyName(name)) throw invalid('the key name must have neither spaces nor `+`')
  if (publicKey.length !== keyBytes) throw invalid('an Ed25519 public key has 32 bytes')
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Uint8Array.of(ed25519), publicKey])).slice(0, 8)
  return { name, id, publicKey: Uint8Array.from(publicKey) }
}

/** Writes a key as one line, `<name>+<id>+<base64 of type and key>`: the form to publish and to pin. */
export function formatKey(key: NoteKey): string {
  return `${key.name}+${key.id}+${Buffer.concat([Uint8Array.of(ed25519), key.publicKey]).toString('base64')}`
}

/**
 * Reads a key that `formatKey` or another C2SP tool wrote.
 *
 * @throws {Fault} `ledger.invalid` if it is not such a line, its id does not fit, or it is not an Ed25519 key.
 */
export function readKey(line: string): NoteKey {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(line)
  if (match === null) throw invalid('a key is one line: name, `+`, eight hexadecimal digits, `+`, base64')
  const bytes = readBase64(match[3]!)
  if (bytes === undefined || bytes[0] !== ed25519 || bytes.length !== 1 + keyBytes) throw invalid('not an Ed25519 key')
  const key = noteKey(match[1]!, bytes.subarray(1))
  if (key.id !== match[2]) throw invalid(`the key's id is ${key.id}, the line says ${match[2]}`)
  return key
}

/**
 * Signs the head of a ledger.
 *
 * The caller MUST NOT let two heads be signed of which one does not continue the other.
 *
 * @see https://c2sp.org/tlog-checkpoint
 */
export async function signCheckpoint(head: Checkpoint, signer: Signer): Promise<string> {
  const key = noteKey(signer.name, signer.publicKey)
  const body = `${head.origin}\n${head.size}\n${Buffer.from(head.root).toString('base64')}\n`
  const signature = await signer.sign(Buffer.from(body))
  const line = Buffer.concat([Buffer.from(key.id, 'hex'), signature]).toString('base64')
  const note = `${body}\n— ${signer.name} ${line}\n`
  // What this house cannot read it does not sign: reading is stricter than writing.
  if (!isSignedBy(readCheckpoint(note), key)) throw invalid('the signer made a signature that does not verify')
  return note
}

/**
 * Reads a checkpoint, strictly, without believing it.
 *
 * @param note The signed note, 64 KiB at most. Extension lines are refused: this ledger writes none.
 * @throws {Fault} `ledger.invalid` naming what is wrong with it.
 * @see https://c2sp.org/tlog-checkpoint
 */
export function readCheckpoint(note: string): SignedCheckpoint {
  if (note.length > noteBytesMax) throw invalid('a checkpoint has 64 KiB at most')
  // oxlint-disable-next-line no-control-regex -- the specification forbids exactly these
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note) || !note.isWellFormed())
    throw invalid('control characters in a checkpoint')
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) throw invalid('a checkpoint is a text, an empty line and signature lines')
  const body = note.slice(0, end + 1)
  const lines = body.slice(0, -1).split('\n')
  const [origin, sizeText, rootText] = lines as [string, string, string]
  if (lines.length !== 3 || origin === '') throw invalid('the text of a checkpoint has three lines: origin, size, root')
  const size = Number(sizeText)
  if (!/^(0|[1-9][0-9]{0,15})$/.test(sizeText) || !Number.isSafeInteger(size)) throw invalid('the size is not a number')
  const root = readBase64(rootText)
  if (root?.length !== hashBytes) throw invalid('the root is not the base64 of 32 bytes')
  const signatureLines = note.slice(end + 2, -1).split('\n')
  if (signatureLines.length > signaturesMax) throw invalid(`more than ${signaturesMax} signatures`)
  return { origin, size, root, body, note, signatures: signatureLines.map(readSignature) }
}

function readSignature(line: string): SignedCheckpoint['signatures'][number] {
  const match = /^— (\S+) (\S+)$/u.exec(line)
  const bytes = match === null ? undefined : readBase64(match[2]!)
  if (match === null || bytes === undefined || bytes.length < 5 || !isKeyName(match[1]!)) {
    throw invalid('a signature line is a dash, the name of the key and base64')
  }
  return { name: match[1]!, keyId: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) }
}

/**
 * Whether a checkpoint carries a signature of this key, and every one that claims to be of this key verifies.
 * Signatures of unknown keys (witnesses, other algorithms) say nothing.
 */
export function isSignedBy(checkpoint: SignedCheckpoint, key: NoteKey): boolean {
  const own = checkpoint.signatures.filter((one) => one.name === key.name && one.keyId === key.id)
  if (own.length === 0) return false
  const publicKey = keyObject(key.publicKey)
  const body = Buffer.from(checkpoint.body)
  return own.every((one) => one.signature.length === signatureBytes && verify(null, body, publicKey, one.signature))
}

function keyObject(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

function isKeyName(name: string): boolean {
  return /^[^\s+\p{C}]+$/u.test(name)
}

/** One text for each byte sequence: what decodes but is not what the encoder would write is refused. */
function readBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function invalid(message: string): Fault {
  return new Fault('ledger.invalid', `cannot read the checkpoint or key: ${message}`)
}
