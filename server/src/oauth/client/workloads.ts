import type { PreregisteredClient } from '../../base/config.ts'

/** Whom a grant is given to for a machine that proves itself by a workload token: it has no client of its own. */
export const workloadsClientId = 'workloads'

/** The client as if it stood in the configuration, so that it is on record and can be revoked like any other. */
export const workloadsClient: PreregisteredClient = {
  id: workloadsClientId,
  name: 'Workload identity',
  redirectUris: [],
  secret: undefined,
  introspects: [],
}
