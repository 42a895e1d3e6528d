import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Connection, type ConnectionOptions, metadataV12 } from '@platformatic/kafka'
import { makeCertificate } from './certificate.ts'
import { freePort } from './port.ts'
import { cached, command, installed } from './provision.ts'
import { openServer, type Place, type Server } from './server.ts'

export interface KafkaServer extends Server {
  /** Address of the only broker, `127.0.0.1:port`. */
  readonly url: string
  /** PEM to trust, with `tls`. */
  readonly ca?: string
}

export interface KafkaOptions {
  /** Lines of server.properties. */
  config?: Record<string, string>
  /** Clients must name this user, by PLAIN or SCRAM-SHA-512. */
  user?: { name: string; password: string }
  tls?: boolean
  /** Where clients are sent to in place of its own port: a proxy before it. */
  advertisedPort?: number
}

/** Starts one Kafka process that is broker and controller. */
export async function openKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const libraries = await kafkaLibraries()
  const ports = { inside: await freePort(), controller: await freePort() }
  let ca: string | undefined
  const server = await openServer({
    name: 'kafka',
    async command(place) {
      if (options.tls && ca === undefined) ca = await makeKeystore(place.folder)
      const file = join(place.folder, 'server.properties')
      if (!existsSync(file)) {
        await writeFile(file, properties(options, { ...place, ...ports }))
        await format(libraries, file, options)
      }
      const memory = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'] // starts in half the time, in 310 MB
      return { file: java, args: [...memory, '-cp', libraries, 'kafka.Kafka', file] }
    },
    isReady: ({ port }) => hasLeaders(port, connectionOptions(options, ca)),
    readyWithinMs: 60_000, // it takes 2 to 4 s of an idle processor
  })
  return { ...server, url: `127.0.0.1:${server.port}`, ...(ca ? { ca } : {}) }
}

const java = '/usr/bin/java'

/** Class path of what Maven Central has of Kafka. */
async function kafkaLibraries(): Promise<string> {
  await installed({ name: 'default-jre-headless', files: [java] })
  const pom = join(import.meta.dirname, 'kafka', 'pom.xml')
  const folder = await cached({
    service: 'kafka',
    version: '4.4.0',
    recipe: [pom],
    async make(target) {
      await installed({ name: 'maven', files: ['/usr/bin/mvn'] })
      const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${target}`, '-DincludeScope=runtime']
      await command('/usr/bin/mvn', ['-B', '-ntp', '-q', '-f', pom, ...copy])
    },
  })
  return join(folder, '*')
}

async function format(libraries: string, file: string, { user }: KafkaOptions): Promise<void> {
  const scram = user ? ['--add-scram', `SCRAM-SHA-512=[name=${user.name},password=${user.password}]`] : []
  const id = randomUUID().replaceAll('-', '').slice(0, 22)
  const args = ['-XX:TieredStopAtLevel=1', '-cp', libraries, 'kafka.tools.StorageTool', 'format']
  await command(java, [...args, '-t', id, '-c', file, ...scram])
}

/** Kafka reads key and certificate from one file. */
async function makeKeystore(folder: string): Promise<string> {
  const { ca, key, certificateFile } = await makeCertificate(folder)
  const file = join(folder, 'keystore.pem')
  await writeFile(file, key)
  await appendFile(file, await readFile(certificateFile))
  return ca
}

function properties(
  { config, user, tls, advertisedPort }: KafkaOptions,
  place: Place & { inside: number; controller: number },
): string {
  const { port, inside, controller, folder } = place
  const protocol = `${user ? 'SASL_' : ''}${tls ? 'SSL' : 'PLAINTEXT'}`
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `CLIENT://127.0.0.1:${port},INSIDE://127.0.0.1:${inside},CONTROLLER://127.0.0.1:${controller}`,
    ...(advertisedPort
      ? { 'advertised.listeners': `CLIENT://127.0.0.1:${advertisedPort},INSIDE://127.0.0.1:${inside}` }
      : {}),
    'listener.security.protocol.map': `CLIENT:${protocol},INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': 'INSIDE',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1', // the first group waits until all are there
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'broker.session.timeout.ms': '1500', // a restart after a kill waits for the end of the old registration
    'broker.heartbeat.interval.ms': '300',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
    ...(tls ? { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': join(folder, 'keystore.pem') } : {}),
    ...(user ? credentials(user) : {}),
    ...config,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function credentials({ name, password }: { name: string; password: string }): Record<string, string> {
  const module = 'org.apache.kafka.common.security'
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
    'listener.name.client.plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required user_${name}="${password}";`,
    'listener.name.client.scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
  }
}

function connectionOptions({ user, tls }: KafkaOptions, ca: string | undefined): ConnectionOptions {
  return {
    connectTimeout: 1000,
    requestTimeout: 1000,
    ...(user ? { sasl: { mechanism: 'PLAIN', username: user.name, password: user.password } } : {}),
    ...(tls ? { tls: { ca } } : {}),
  }
}

async function hasLeaders(port: number, options: ConnectionOptions): Promise<boolean> {
  const connection = new Connection('penstock-test', options)
  connection.on('error', () => {}) // `connect` throws the same
  try {
    await connection.connect('127.0.0.1', port)
    const { brokers, topics } = await metadataV12.api.async(connection, null)
    return brokers.length > 0 && topics.every(({ partitions }) => partitions.every(({ leaderId }) => leaderId >= 0))
  } finally {
    await connection.close()
  }
}
