import { readFileSync } from 'node:fs'
import { buildApplication, buildCommand, buildRouteMap, run } from '@stricli/core'
import { bundles, changeBundle, makeBundle, retireBundle } from './command/bundles.ts'
import { admitClient, clients, refuseClient, setClientOwner } from './command/clients.ts'
import { approval, approvals, approve, deny, revoke, rotateKeys } from './command/decisions.ts'
import { grants, invite, people, status, tools, upstreams } from './command/governed.ts'
import { demandLogin } from './command/demand-login.ts'
import { addMember, groups, makeGroup, members, removeMember, retireGroup } from './command/groups.ts'
import { entitle, grantMachine, machines, makeMachine } from './command/machines.ts'
import { exportLedger, verify } from './command/ledger.ts'
import { addGroupRule, groupRules, previewGroups, providers, removeGroupRule } from './command/providers.ts'
import { makeProvisioningKey, provisioning, revokeProvisioningKey } from './command/provisioning.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const serve = buildCommand({
  docs: { brief: 'Run the gateway until it is told to stop' },
  parameters: {
    flags: {
      config: {
        kind: 'parsed',
        parse: String,
        optional: true,
        placeholder: 'FILE',
        brief: 'the configuration file, by default sallyport.yaml if there is one',
      },
    },
  },
  async func(flags: { config?: string }): Promise<void> {
    // The whole product is loaded only where it runs.
    const { serve: start } = await import('./serve.ts')
    process.exitCode = await start({ config: flags.config })
  },
})

const routes = buildRouteMap({
  routes: {
    serve,
    status,
    upstreams,
    tools,
    bundles,
    makeBundle,
    changeBundle,
    retireBundle,
    grants,
    clients,
    admitClient,
    refuseClient,
    setClientOwner,
    people,
    invite,
    entitle,
    machines,
    makeMachine,
    grantMachine,
    groups,
    members,
    makeGroup,
    addMember,
    removeMember,
    retireGroup,
    demandLogin,
    providers,
    groupRules,
    addGroupRule,
    removeGroupRule,
    previewGroups,
    provisioning,
    makeProvisioningKey,
    revokeProvisioningKey,
    approvals,
    approval,
    approve,
    deny,
    revoke,
    rotateKeys,
    export: exportLedger,
    verify,
  },
  docs: {
    brief: 'An identity gateway for MCP servers',
    fullDescription:
      'An identity gateway for MCP servers.\n\nAll but `serve` and `verify` speak to a running gateway: SALLYPORT_URL says where it is\n' +
      '(by default http://127.0.0.1:8700), SALLYPORT_KEY who you are (make a key on its page /you).',
  },
})

const application = buildApplication(routes, {
  name: 'sallyport',
  versionInfo: { currentVersion: version },
  scanner: { caseStyle: 'allow-kebab-for-camel' },
  documentation: { disableAnsiColor: !process.stdout.isTTY },
})

await run(application, process.argv.slice(2), { process })
// The library says by negative codes that the command line was wrong; programs expect 2.
if (Number(process.exitCode) < 0) process.exitCode = 2
