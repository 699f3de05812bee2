import type { Migration } from 'kysely/migration'
import * as first from './0001-first.ts'
import * as spentBy from './0002-spent-by.ts'
import * as append from './0003-append.ts'
import * as spent from './0004-spent.ts'
import * as rates from './0005-rates.ts'
import * as upstreamOAuth from './0006-upstream-oauth.ts'
import * as grantIssuer from './0007-grant-issuer.ts'
import * as bundles from './0008-bundles.ts'
import * as provisioned from './0009-provisioned.ts'
import * as signals from './0010-signals.ts'
import * as machines from './0011-machines.ts'
import * as keptLogins from './0012-kept-logins.ts'
import * as proof from './0013-proof.ts'
import * as groups from './0014-groups.ts'
import * as passkeys from './0015-passkeys.ts'
import * as clients from './0016-clients.ts'
import * as entriesByPosition from './0017-entries-by-position.ts'
import * as strongKeys from './0018-strong-keys.ts'
import * as revokedTokens from './0019-revoked-tokens.ts'
import * as passkeysThatWait from './0020-passkeys-that-wait.ts'
import * as approvalActor from './0021-approval-actor.ts'
import * as apiDocuments from './0022-api-documents.ts'
import * as voidByName from './0023-void-by-name.ts'
import * as toldScopes from './0024-told-scopes.ts'
import * as tokensClaimed from './0025-tokens-claimed.ts'

/** Forward only, in this order, never edited once released. */
export const migrations: Record<string, Migration> = {
  '0001-first': first,
  '0002-spent-by': spentBy,
  '0003-append': append,
  '0004-spent': spent,
  '0005-rates': rates,
  '0006-upstream-oauth': upstreamOAuth,
  '0007-grant-issuer': grantIssuer,
  '0008-bundles': bundles,
  '0009-provisioned': provisioned,
  '0010-signals': signals,
  '0011-machines': machines,
  '0012-kept-logins': keptLogins,
  '0013-proof': proof,
  '0014-groups': groups,
  '0015-passkeys': passkeys,
  '0016-clients': clients,
  '0017-entries-by-position': entriesByPosition,
  '0018-strong-keys': strongKeys,
  '0019-revoked-tokens': revokedTokens,
  '0020-passkeys-that-wait': passkeysThatWait,
  '0021-approval-actor': approvalActor,
  '0022-api-documents': apiDocuments,
  '0023-void-by-name': voidByName,
  '0024-told-scopes': toldScopes,
  '0025-tokens-claimed': tokensClaimed,
}
