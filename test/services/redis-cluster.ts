import { Redis } from 'ioredis'
import { freePort } from './port.ts'
import { openRedis, type RedisServer } from './redis.ts'
import { until } from './until.ts'

export interface RedisCluster extends AsyncDisposable {
  /** Masters, each with an equal part of the slots. */
  readonly nodes: readonly RedisServer[]
}

const slots = 16_384

/** Starts a Redis Cluster of masters without replicas. Resolves once every node knows that all slots are served. */
export async function openRedisCluster({ masters = 3 } = {}): Promise<RedisCluster> {
  await using opening = new AsyncDisposableStack()
  const members: Member[] = []
  for (let index = 0; index < masters; index++) members.push(await openMember(opening))
  const introduced = members[0]
  for (const [index, { client }] of members.entries()) {
    const [from, to] = [share(index, masters), share(index + 1, masters) - 1]
    await client.cluster('ADDSLOTSRANGE', from, to)
    if (introduced && index > 0)
      await client.call('CLUSTER', 'MEET', '127.0.0.1', introduced.node.port, introduced.busPort)
  }
  for (const { client } of members) {
    await until(async () => (await client.cluster('INFO')).includes('cluster_state:ok'), {
      what: 'the cluster to agree',
    })
    client.disconnect()
  }
  const opened = opening.move()
  return { nodes: members.map(({ node }) => node), [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

const share = (index: number, masters: number) => Math.floor((index * slots) / masters)

interface Member {
  node: RedisServer
  client: Redis
  busPort: number
}

async function openMember(opening: AsyncDisposableStack): Promise<Member> {
  const busPort = await freePort()
  const config = {
    'cluster-enabled': 'yes',
    'cluster-port': `${busPort}`,
    'cluster-announce-ip': '127.0.0.1',
    'cluster-node-timeout': '2000', // 15 s by default: how soon a dead node is noticed
  }
  const node = opening.use(await openRedis({ config }))
  const client = new Redis(node.url)
  client.on('error', () => {}) // commands throw the same
  opening.defer(() => client.disconnect())
  return { node, client, busPort }
}
