import type { Action } from './action.ts'
import { approvalActions } from './action/approvals.ts'
import { bundleActions } from './action/bundles.ts'
import { clientActions } from './action/clients.ts'
import { connectionActions } from './action/connections.ts'
import { entitlementActions } from './action/entitlements.ts'
import { grantActions } from './action/grants.ts'
import { groupActions } from './action/groups.ts'
import { machineActions } from './action/machines.ts'
import { keyActions } from './action/keys.ts'
import { mappingActions } from './action/mapping.ts'
import { ownConnectionActions } from './action/own-connections.ts'
import { peopleActions } from './action/people.ts'
import { provisioningActions } from './action/provisioning.ts'
import { tokenKeyActions } from './action/token-keys.ts'
import { toolActions } from './action/tools.ts'
import { upstreamActions } from './action/upstreams.ts'

/** Everything that operators can do. A new action is one entry of a file in `action/`, or a file and a line here. */
export const actions: readonly Action[] = [
  ...approvalActions,
  ...bundleActions,
  ...clientActions,
  ...connectionActions,
  ...entitlementActions,
  ...grantActions,
  ...groupActions,
  ...keyActions,
  ...mappingActions,
  ...ownConnectionActions,
  ...machineActions,
  ...peopleActions,
  ...provisioningActions,
  ...tokenKeyActions,
  ...toolActions,
  ...upstreamActions,
]
