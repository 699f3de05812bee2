import type { PageRoute } from './page.ts'
import { approvalPage } from './page/approval.ts'
import { approvalsPage } from './page/approvals.ts'
import { bundlePage } from './page/bundle.ts'
import { callPage } from './page/call.ts'
import { clientPage } from './page/client.ts'
import { clientsPage } from './page/clients.ts'
import { connectPage } from './page/connect.ts'
import { connectionPage, connectionsPage } from './page/connections.ts'
import { entryPage } from './page/entry.ts'
import { grantLoginPage } from './page/grant-login.ts'
import { grantsPage } from './page/grants.ts'
import { groupsPage } from './page/groups.ts'
import { ledgerPage } from './page/ledger.ts'
import { machinesPage } from './page/machines.ts'
import { makeBundlePage } from './page/make-bundle.ts'
import { peoplePage } from './page/people.ts'
import { personPage } from './page/person.ts'
import { proposePage } from './page/propose.ts'
import { providerPage, providersPage } from './page/providers.ts'
import { provisioningPage } from './page/provisioning.ts'
import { signalsPage } from './page/signals.ts'
import { startPage } from './page/start.ts'
import { toolPage } from './page/tool.ts'
import { upstreamPage } from './page/upstream.ts'
import { upstreamsPage } from './page/upstreams.ts'
import { widenPage } from './page/widen.ts'
import { youPage } from './page/you.ts'

/** Every page of this door. A new page is one file in `page/` and one line here. */
export const pages: readonly PageRoute[] = [
  startPage,
  approvalsPage,
  approvalPage,
  callPage,
  upstreamsPage,
  proposePage,
  upstreamPage,
  toolPage,
  makeBundlePage,
  bundlePage,
  grantsPage,
  widenPage,
  grantLoginPage,
  clientsPage,
  clientPage,
  connectPage,
  connectionsPage,
  connectionPage,
  machinesPage,
  peoplePage,
  personPage,
  groupsPage,
  provisioningPage,
  providersPage,
  providerPage,
  signalsPage,
  ledgerPage,
  entryPage,
  youPage,
]
