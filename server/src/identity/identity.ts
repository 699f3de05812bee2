import type { Clock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import type { Dialer } from '../base/dial.ts'
import type { Door } from '../base/listen.ts'
import type { Log } from '../base/log.ts'
import type { Store } from '../store/store.ts'
import type { Keyring } from '../vault/keyring.ts'
import type { Sealer } from '../vault/sealer.ts'
import { openClientKeys } from './client-keys.ts'
import { openIdentityDoor } from './door.ts'
import { type Groups, type OnLeave, openGroups } from './groups.ts'
import { openIdps } from './idps.ts'
import { type Invitations, openInvitations } from './invitations.ts'
import { type KeptLogins, openKeptLogins } from './kept-logins.ts'
import { findByDomain } from './login/by-domain.ts'
import { openThrottle } from './login/throttle.ts'
import { openLogins } from './login.ts'
import { logoutDoor } from './logout.ts'
import { type Machines, openMachines } from './machines.ts'
import { type Mapping, openMapping } from './mapping.ts'
import { type OperatorKeys, openOperatorKeys } from './operator-keys.ts'
import { openOwnLogin, type Resets } from './own-login.ts'
import { openPasskeys } from './passkeys.ts'
import { openPasswordHasher } from './password.ts'
import { openProvisionerKeys, type ProvisionerKeys } from './provisioner-keys.ts'
import { openProvisioningDoor, readProvisioners } from './provisioning.ts'
import { type OnDisable, openPrincipals, type Principals } from './principals.ts'
import type { IdentityLedger } from './records.ts'
import { openCookies } from './sign-in/cookies.ts'
import { openBrowsers } from './sign-in/forms.ts'
import { openSignIns, type SignIns } from './sign-ins.ts'
import { openSignals, type Signals } from './signals.ts'
import type { EndGrants } from './withdraw.ts'

/** Who: identity providers, sign-ins, provisioning, principals, groups, invitations, operator keys. */
export interface Identity
  extends
    SignIns,
    Principals,
    Groups,
    Machines,
    Mapping,
    Invitations,
    OperatorKeys,
    KeptLogins,
    Resets,
    ProvisionerKeys {
  /** The pages under `/sign-in`, `/sign-out`, `/join` and `/reset`. */
  readonly door: Door
  /** SCIM 2.0 below `/scim/v2`. */
  readonly provisioningDoor: Door
  /** Where identity providers say who has logged out. */
  readonly logoutDoor: Door
  /** What transmitters say about our people. */
  readonly signals: Signals
}

/** What identity stands on. */
export interface IdentityParts {
  store: Store
  ledger: IdentityLedger
  vault: Sealer & Keyring
  clock: Clock
  config: Pick<Config, 'origin' | 'login' | 'onBehalf' | 'keys' | 'signals'>
  /** The way out to the identity providers. */
  dialer: Pick<Dialer, 'fetch'>
  log: Log
  /** Ends the grants of a principal. */
  endGrants: EndGrants
  /** What else must end when a principal is disabled, in this order. */
  onDisable?: OnDisable[]
  /** What else must end when somebody leaves a group, in this order. */
  onLeave?: OnLeave[]
}

/**
 * Opens identity: nothing is fetched from an identity provider until somebody signs in there.
 *
 * @throws {Fault} `vault.cannot_open` if the cookie keys cannot be opened.
 */
export async function openIdentity(parts: IdentityParts): Promise<Identity> {
  const { store, ledger, vault, clock, config, log } = parts
  const { origin } = config
  const hasher = openPasswordHasher()
  const { rotateAfterDays } = config.keys
  const keys = openClientKeys({ vault, ledger, clock, rotateAfterDays })
  const idps = openIdps({ config, store, hasher, dialer: parts.dialer, clock, keys })
  const domains = config.login.oidc.filter((provider) => provider.domains.length > 0)
  const browsers = openBrowsers(openCookies(origin), await vault.cookieKeys('identity'))
  const providers = new Set([...config.onBehalf.values()].flatMap((one) => ('provider' in one ? [one.provider] : [])))
  const kept = openKeptLogins({ store, sealer: vault, clock, idps, providers })
  const passkeys = openPasskeys({ store, ledger, sealer: vault, clock, config })
  const onDisable = parts.onDisable ?? []
  const { own, resets } = openOwnLogin({ store, ledger, clock, origin, hasher, onDisable })
  const { signIns, desk } = openSignIns({ store, clock, origin, kept: kept.desk, passkeys })
  const { invitations, desk: invitationDesk } = openInvitations({ store, ledger, clock, origin })
  const onLeave = parts.onLeave ?? []
  const { mapping, desk: mappingDesk } = await openMapping({ store, ledger, sealer: vault, clock, idps, onLeave })
  const throttle = openThrottle({ store, clock })
  const logins = openLogins({
    store,
    ledger,
    sealer: vault,
    clock,
    log,
    origin,
    idps,
    throttle,
    signIns: desk,
    invitations: invitationDesk,
    mapping: mappingDesk,
    passkeys,
    own,
  })
  const provisioners = readProvisioners(config)
  const provisioning = openProvisionerKeys({ store, ledger, clock, provisioners })
  return {
    provisioningDoor: openProvisioningDoor({ ...parts, origin, onDisable, onLeave, desk: provisioning.desk }),
    logoutDoor: logoutDoor({ ...parts, throttle, idps: idps.filter((idp) => 'readLogout' in idp) }),
    signals: openSignals({ ...parts, onDisable, throttle, transmitters: config.signals }),
    door: openIdentityDoor({
      origin,
      idps,
      findByDomain: domains.length > 0 ? (email) => findByDomain(domains, email) : undefined,
      logins,
      signIns,
      desk,
      browsers,
      invitations: invitationDesk,
      hasher,
      keys: config.login.oidc.some(({ signsFor }) => signsFor !== undefined) ? keys : undefined,
      passkeys,
      own,
      throttle,
      log,
      clock,
    }),
    ...signIns,
    ...kept.keptLogins,
    ...invitations,
    ...resets,
    ...openPrincipals({ store, ledger, clock, onDisable, provisioners }),
    ...openGroups({ store, ledger, clock, onLeave }),
    ...mapping,
    ...openMachines({ store, ledger, clock }),
    ...provisioning.keys,
    ...openOperatorKeys({ store, ledger, clock, passkeys }),
  }
}
