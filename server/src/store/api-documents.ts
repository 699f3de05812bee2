import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** Keeps the OpenAPI document of an upstream, in the place of the one before. */
export async function putApiDocument(
  handle: Handle,
  document: { upstream: string; digest: string; text: string },
): Promise<void> {
  const { digest, text } = document
  await open(handle)
    .insertInto('api_documents')
    .values(document)
    .onConflict((conflict) => conflict.column('upstream').doUpdateSet({ digest, text }))
    .execute()
}

/** The document of an upstream, if it is still the one of this digest. */
export async function findApiDocument(
  handle: Handle,
  { upstream, digest }: { upstream: string; digest: string },
): Promise<string | undefined> {
  const row = await open(handle)
    .selectFrom('api_documents')
    .select('text')
    .where('upstream', '=', upstream)
    .where('digest', '=', digest)
    .executeTakeFirst()
  return row?.text
}
