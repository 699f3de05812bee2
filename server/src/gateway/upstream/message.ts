import { isObject } from '../../base/json.ts'
export type RpcId = string | number

export interface RpcRequest {
  jsonrpc: '2.0'
  id: RpcId
  method: string
  params?: Record<string, unknown>
}

export interface RpcNotification {
  jsonrpc: '2.0'
  method: string
  params?: Record<string, unknown>
}

export interface RpcError {
  code: number
  message: string
  data?: unknown
}

/** `id` is null where the sender could not tell which request it answers. */
export type RpcResponse =
  | { jsonrpc: '2.0'; id: RpcId | null; result: Record<string, unknown> }
  | { jsonrpc: '2.0'; id: RpcId | null; error: RpcError }

/** What is answered, without the id. */
export type RpcAnswer = { result: Record<string, unknown> } | { error: RpcError }

export type RpcMessage = RpcRequest | RpcNotification | RpcResponse

// What an upstream says is read leniently where it does not matter to us (numbers, duplicate names inside results) and
// strictly where it does: the shape that tells an answer from a notification from a request.
export function readMessage(text: string): RpcMessage | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return undefined
  if ('method' in value) return isCallShape(value) ? (value as unknown as RpcMessage) : undefined
  return isAnswerShape(value) ? (value as unknown as RpcMessage) : undefined
}

export function isRequest(message: RpcMessage): message is RpcRequest {
  return 'method' in message && 'id' in message
}

export function isNotification(message: RpcMessage): message is RpcNotification {
  return 'method' in message && !('id' in message)
}

/** Whether it says that one of the lists which a probe reads has changed. */
export function isListChanged({ method }: { method: string }): boolean {
  return /^notifications\/(?:tools|prompts|resources)\/list_changed$/.test(method)
}

/** Whether the upstream withdraws a question of its own. Ids are its own too: as it stands, this is for nobody else. */
export function isCancelled({ method }: RpcNotification): boolean {
  return method === 'notifications/cancelled'
}

export function isResponse(message: RpcMessage): message is RpcResponse {
  return !('method' in message)
}

function isCallShape(value: Record<string, unknown>): boolean {
  if (typeof value['method'] !== 'string') return false
  if ('id' in value && !isId(value['id'])) return false
  return value['params'] === undefined || isObject(value['params'])
}

function isAnswerShape(value: Record<string, unknown>): boolean {
  if (value['id'] !== undefined && value['id'] !== null && !isId(value['id'])) return false
  const { result, error } = value
  if (error === undefined) return isObject(result) && value['id'] !== undefined
  return (
    result === undefined && isObject(error) && Number.isInteger(error['code']) && typeof error['message'] === 'string'
  )
}

function isId(value: unknown): value is RpcId {
  return typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))
}
