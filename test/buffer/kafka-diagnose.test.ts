import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import { diagnoseKafka } from '../../buffer/kafka/diagnose.ts'
import { kafkaOptions } from '../../buffer/kafka/options.ts'
import { freePort } from '../services/port.ts'
import { kafkaPlace } from '../services/shared.ts'
import { type KafkaInput, openAdmin, openLog } from './kafka-log.ts'

async function diagnose(input: KafkaInput) {
  const { findings, isOpenable } = await diagnoseKafka(kafkaOptions.parse(input))
  const levels = Object.fromEntries(findings.map(({ what, level }) => [what, level]))
  return { levels, findings, isOpenable }
}

test('a Kafka without the topics is fine where they may be made, and an examination makes none', async (t) => {
  const place = await kafkaPlace()
  assert.deepEqual((await diagnose(place)).levels, { brokers: 'ok', topics: 'ok' })
  const refused = await diagnose({ ...place, createTopics: false })
  assert.deepEqual([refused.levels.topics, refused.isOpenable], ['error', false])
  const topics = await openAdmin(t, place.brokers).listTopics()
  assert.deepEqual(
    topics.filter((name) => name.startsWith(place.prefix)),
    [],
  )
})

test('topics of ours can be opened; that there is one copy of them is told', async (t) => {
  const place = { ...(await kafkaPlace()), partitions: 2 }
  await openLog(t, place)
  const { levels, isOpenable } = await diagnose(place)
  assert.deepEqual(levels, { brokers: 'ok', topics: 'ok', copies: 'warning', partitions: 'ok' })
  assert.equal(isOpenable, true)
  const grown = await diagnose({ ...place, partitions: 3 })
  assert.deepEqual([grown.levels.partitions, grown.isOpenable], ['ok', false])
  const fixed = await diagnose({ ...place, partitions: 3, createTopics: false })
  assert.deepEqual([fixed.levels.partitions, fixed.isOpenable], ['error', false])
})

test('a retention that lets records go is an error with the command that mends it', async (t) => {
  const place = await kafkaPlace()
  await openLog(t, place)
  await openAdmin(t, place.brokers).incrementalAlterConfigs({
    resources: [
      {
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName: `${place.prefix}.log`,
        configs: [
          { name: 'retention.ms', value: '1000', configOperation: IncrementalAlterConfigOperationTypes.SET },
          { name: 'min.insync.replicas', value: '2', configOperation: IncrementalAlterConfigOperationTypes.SET },
        ],
      },
    ],
    validateOnly: false,
  })
  const { findings, levels, isOpenable } = await diagnose(place)
  const topics = findings.find(({ what }) => what === 'topics')
  assert.ok(topics?.level === 'error')
  assert.match(topics.found, /retention\.ms=1000/)
  assert.match(topics.advice, /--add-config retention\.ms=-1/)
  assert.deepEqual([levels.copies, isOpenable], ['error', false], 'one copy where two are waited for')
})

test('brokers that are away are an error that says where they were looked for', async () => {
  const brokers = [`127.0.0.1:${await freePort()}`]
  const { findings } = await diagnose({ brokers })
  const [finding] = findings
  assert.ok(finding?.level === 'error')
  assert.match(finding.advice, new RegExp(`Start a broker at ${brokers[0]}`))
})
