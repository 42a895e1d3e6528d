import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  type AclOperationLabel,
  AclOperations,
  AclPermissionTypes,
  type Admin,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka'
import { ConfigError } from '../../runtime/check.ts'
import { openKafka } from '../services/kafka.ts'
import { openAdmin, openLog } from './kafka-log.ts'
import { aProducer, append, at, nothingElse, report, sealTo, take } from './scratch-log.ts'

const guide = readFileSync(new URL('../../docs/guides/kafka.md', import.meta.url), 'utf8')
const resourceTypes = {
  topic: ResourceTypes.TOPIC,
  'transactional-id': ResourceTypes.TRANSACTIONAL_ID,
  group: ResourceTypes.GROUP,
} as const

type Right = readonly [kind: keyof typeof resourceTypes, operation: string]

/** What the commands of the guide allow. */
function rightsInGuide(): Right[] {
  const commands = guide
    .replaceAll('\\\n', ' ')
    .matchAll(/^kafka-acls\.sh .*--(topic|transactional-id|group) penstock\. (.*)$/gm)
  return [...commands].flatMap(([, kind, operations = '']) =>
    [...operations.matchAll(/--operation (\w+)/g)].map(([, operation = '']): Right => {
      return [kind as keyof typeof resourceTypes, operation] // the pattern admits only these
    }),
  )
}

async function allow(admin: Admin, user: string, rights: readonly Right[]): Promise<void> {
  const creations = rights.map(([kind, operation]) => {
    const name = operation.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() as AclOperationLabel // as Kafka's tools spell it
    return {
      ...{
        resourceType: resourceTypes[kind],
        resourceName: 'penstock.',
        resourcePatternType: ResourcePatternTypes.PREFIXED,
      },
      ...{
        principal: `User:${user}`,
        host: '*',
        operation: AclOperations[name],
        permissionType: AclPermissionTypes.ALLOW,
      },
    }
  })
  await admin.createAcls({ creations })
}

test('the rights that the guide names are enough for a pump and a gateway; without them it is the operator’s matter', async (t) => {
  const names = ['admin', 'pump', 'gateway', 'nobody']
  const users = names.map((name) => `user_${name}="pw"`).join(' ')
  const module = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  await using server = await openKafka({
    user: { name: 'admin', password: 'pw' },
    config: {
      'listener.name.client.plain.sasl.jaas.config': `${module} required ${users};`,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:admin;User:ANONYMOUS', // the latter is the broker itself
    },
  })
  const as = (username: string) => {
    const sasl = { mechanism: 'PLAIN', username, password: 'pw' } as const
    return openLog(t, { brokers: [server.url], prefix: 'penstock', sasl, createTopics: username === 'admin' })
  }
  await as('admin') // makes the topics
  const admin = openAdmin(t, [server.url], { sasl: { mechanism: 'PLAIN', username: 'admin', password: 'pw' } })
  const rights = rightsInGuide()
  assert.equal(rights.length, 10)
  await allow(admin, 'pump', rights)
  const gatewayRights = rights.filter(([kind, operation]) => kind !== 'group' && operation !== 'Delete')
  await allow(admin, 'gateway', gatewayRights)

  const [gateway, pump] = [await as('gateway'), await as('pump')]
  await append(gateway, aProducer().frames(2, 2))
  const reader = await take(pump)
  const letter = { form: 'json', bytes: Buffer.from('{}'), reason: 'bad' } as const
  await reader.settle(await sealTo(reader, at(0), at(4)), { delivered: 3, filtered: 0, deadLetters: [letter] })
  assert.equal(await pump.trim(), 2)
  assert.equal((await report(pump)).ledgers[0]?.delivered, 3)
  await append(gateway, aProducer({ boot: 2 }).frames(1))
  await reader.settle(await sealTo(reader, at(4), at(5)), { delivered: 1, ...nothingElse })
  await reader[Symbol.asyncDispose]()
  await pump.retire('a')
  await assert.rejects(as('nobody'), ConfigError)
})
