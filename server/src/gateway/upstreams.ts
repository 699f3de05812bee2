import type { Launch } from '../model/upstream.ts'
import { httpKind } from './upstream/http.ts'
import { openapiKind } from './upstream/openapi.ts'
import { sseKind } from './upstream/sse.ts'
import { stdioKind } from './upstream/stdio.ts'
import type { UpstreamKind } from './upstream/upstream-kind.ts'

/**
 * The kinds of upstream, one line each. A new kind is a file beside these that passes the contract suite, and a line here.
 *
 * @see server/test/contract/upstream.test.ts
 */
export const kindsOfUpstream: Readonly<Record<Launch['kind'], UpstreamKind>> = {
  http: httpKind,
  openapi: openapiKind,
  sse: sseKind,
  stdio: stdioKind,
}
