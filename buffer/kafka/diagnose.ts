import { ConfigResourceTypes, describeConfigsV4, type metadataV12 } from '@platformatic/kafka'
import { answerWithinMs, type Finding, failure, fault, fine, warning } from '../../runtime/finding.ts'
import type { BufferDiagnosis } from '../define.ts'
import { askMetadata, Cluster } from './cluster.ts'
import type { KafkaBufferOptions } from './options.ts'
import { faultOfMissing, findFaults, type TopicNames, topicNames } from './topics.ts'

/** Examines the brokers and the topics of the log. */
export async function diagnoseKafka(options: KafkaBufferOptions): Promise<BufferDiagnosis> {
  const requestTimeoutMs = Math.min(options.requestTimeoutMs, answerWithinMs)
  await using cluster = new Cluster({ ...options, requestTimeoutMs })
  try {
    const names = topicNames(options)
    const all = Object.values(names)
    const metadata = await cluster.atAny((connection) => askMetadata(connection, all))
    const topics = metadata.topics.filter(({ errorCode }) => errorCode === 0)
    const missing = all.filter((name) => !topics.some((topic) => topic.name === name))
    const { length } = metadata.brokers
    const answering = fine('brokers', length === 1 ? 'The only broker answers.' : `${length} brokers answer.`)
    if (missing.length > 0) {
      const known = faultOfMissing(options, all, missing)
      const log = known
        ? fault('topics', known.found, known.advice)
        : fine('topics', 'There are none yet: the first start makes them.')
      return { findings: [answering, log], isOpenable: false }
    }
    const settings = await findFaults(cluster, options, names)
    const findings = [
      answering,
      ...(settings.length > 0
        ? settings.map(({ found, advice }) => fault('topics', found, advice))
        : [fine('topics', 'Nothing leaves the log by itself, and the last value of each key stays.')]),
      ...examineCopies(topics, await minInSync(cluster, names), options),
      ...examinePartitions(topics, options),
    ]
    const isComplete = topics.every(({ partitions }) => partitions.length >= options.partitions)
    return { findings, isOpenable: isComplete && !findings.some(({ level }) => level === 'error') }
  } catch (error) {
    const advice = `Start a broker at ${options.brokers.join(', ')}, or correct buffer.brokers, sasl and tls; meanwhile gateways keep their records on their own disks.`
    return { findings: [failure('brokers', error, advice)], isOpenable: false }
  }
}

type Topic = metadataV12.MetadataResponseTopic

/** How many copies of the log a write must have reached, as the topic says. */
async function minInSync(cluster: Cluster, { log }: TopicNames): Promise<number> {
  const name = 'min.insync.replicas'
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: log, configurationKeys: [name] }
  const { results } = await cluster.atAny((connection) =>
    describeConfigsV4.api.async(connection, [resource], false, false),
  )
  const value = results[0]?.configs.find((config) => config.name === name)?.value
  return Number(value ?? 1)
}

function examineCopies(topics: readonly Topic[], wanted: number, { brokers, prefix }: KafkaBufferOptions): Finding[] {
  const partitions = topics.flatMap((topic) => topic.partitions)
  const copies = Math.min(...partitions.map(({ replicaNodes }) => replicaNodes.length))
  const inSync = Math.min(...partitions.map(({ isrNodes }) => isrNodes.length))
  const leaderless = partitions.filter(({ leaderId }) => leaderId < 0).length
  const alter = `kafka-configs.sh --bootstrap-server ${brokers[0]} --alter --entity-type topics --entity-name ${prefix}.log --add-config min.insync.replicas`
  if (leaderless > 0)
    return [fault('copies', `${leaderless} partitions have no leader: nothing is taken there.`, 'Start their brokers.')]
  if (inSync < wanted)
    return [
      fault(
        'copies',
        `${inSync} copies are in step where each append waits for ${wanted}: nothing is taken.`,
        'Start the brokers that are down.',
      ),
    ]
  if (copies < 3)
    return [
      warning(
        'copies',
        copies === 1
          ? 'There is one copy of the log: it is gone with its broker’s disk.'
          : 'There are two copies: either one broker may be lost, or an append need not wait.',
        'Give the topics 3 replicas with kafka-reassign-partitions.sh, and min.insync.replicas=2.',
      ),
    ]
  if (wanted === 1)
    return [
      warning(
        'copies',
        `There are ${copies} copies, and an append counts that only one of them has.`,
        `Run ${alter}=${copies - 1}.`,
      ),
    ]
  if (wanted === copies)
    return [
      warning(
        'copies',
        `An append waits for all ${copies} copies: none is taken while one broker is down.`,
        `Run ${alter}=${copies - 1}.`,
      ),
    ]
  if (inSync < copies)
    return [
      warning('copies', `${inSync} of ${copies} copies are in step.`, 'Start the brokers that are down, or wait.'),
    ]
  return [fine('copies', `There are ${copies}, and an append waits for ${wanted}.`)]
}

function examinePartitions(
  topics: readonly Topic[],
  { partitions: wanted, createTopics }: KafkaBufferOptions,
): Finding[] {
  const counts = topics.map(({ partitions }) => partitions.length)
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)]
  if (fewest === most && fewest >= wanted) return [fine('partitions', `There are ${fewest} of each topic.`)]
  const found = `There are ${fewest} of each topic where there should be ${Math.max(wanted, most)}`
  if (createTopics) return [fine('partitions', `${found}: the next start makes them.`)]
  return [fault('partitions', `${found}.`, 'Make them with kafka-topics.sh --alter, or set createTopics.')]
}
