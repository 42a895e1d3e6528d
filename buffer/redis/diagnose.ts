import { compareClocks } from '../../runtime/clock.ts'
import { answerWithinMs, type Finding, failure, fault, fine, warning } from '../../runtime/finding.ts'
import { bytesText } from '../../runtime/quantity.ts'
import type { BufferDiagnosis } from '../define.ts'
import { type Connection, openConnection } from './connection.ts'
import { isRefusal, neededRights } from './failure.ts'
import { moreShards, newerFormat, version } from './format.ts'
import { shardKeys } from './keys.ts'
import type { RedisBufferOptions } from './options.ts'
import { appendLimit, askServers, faultsOf, maxMemoryOf, primaries, type ServerInfo, shareOfMemory } from './server.ts'

/** Examines the servers, what this user may do there, and the log. */
export async function diagnoseRedis(options: RedisBufferOptions): Promise<BufferDiagnosis> {
  const commandTimeoutMs = Math.min(options.commandTimeoutMs, answerWithinMs)
  try {
    await using connection = await openConnection({ ...options, commandTimeoutMs })
    const infos = await askServers(connection)
    const servers = infos.flatMap((info) => examineServer(info, options))
    const [fsync, clock, rights] = await Promise.all([
      examineFsync(connection, infos),
      compareClocks('Redis', () => askTimeMs(connection)),
      examineRights(connection, options),
    ])
    const faults = [...servers, ...fsync, ...examineMemory(infos, options), clock, rights]
    const isUsable = ![...servers, rights].some(({ level }) => level === 'error')
    const { finding, isOpenable } = await examineLog(connection, options)
    return { findings: [...faults, finding], isOpenable: isUsable && isOpenable }
  } catch (error) {
    const where = options.urls.map(withoutSecrets).join(', ')
    const advice = isRefusal(error instanceof Error ? error.cause : undefined)
      ? `Set buffer.username and buffer.password. ${neededRights(options.prefix)}`
      : `Start the server at ${where}, or correct buffer.urls; meanwhile gateways keep their records on their own disks.`
    return { findings: [failure('server', error, advice)], isOpenable: false }
  }
}

function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function examineServer(info: ServerInfo, options: RedisBufferOptions): Finding[] {
  const faults = faultsOf(info)
  const told = faults.map(({ what, found, advice, isVolatility }) =>
    isVolatility && options.allowVolatile ? warning(what, found, advice) : fault(what, found, advice),
  )
  const sound = { 'maxmemory-policy': 'Nothing is evicted.', appendonly: 'It keeps the log over a restart.' }
  const others = Object.entries(sound).filter(([what]) => !faults.some((one) => one.what === what))
  return [
    fine('server', `Redis ${info.get('redis_version')} answers.`),
    ...examineRole(info, options),
    ...told,
    ...others.map(([what, found]) => fine(what, found)),
    ...examineWrites(info),
  ]
}

function examineRole(info: ServerInfo, { waitReplicas, sentinel, cluster }: RedisBufferOptions): Finding[] {
  if (info.get('role') === 'slave')
    return [
      fault('role', 'This is a replica, which takes no writes.', 'Name the primary in buffer.urls, or use Sentinels.'),
    ]
  const replicas = Number(info.get('connected_slaves'))
  if (replicas < waitReplicas)
    return [
      fault(
        'replicas',
        `${replicas} of the ${waitReplicas} replicas that each append waits for are connected: nothing is taken.`,
        'Mend the replicas, or lower buffer.waitReplicas.',
      ),
    ]
  if (replicas > 0 && waitReplicas === 0)
    return [
      warning(
        'replicas',
        `${replicas} are connected and no append waits for them: a fail-over may lose what they lack.`,
        'Set buffer.waitReplicas to 1; gateways append the rest again as far as they keep it.',
      ),
    ]
  if (replicas === 0 && (sentinel || cluster))
    return [warning('replicas', 'None is connected: nothing can take over.', 'Add a replica to each primary.')]
  return replicas > 0 ? [fine('replicas', `${replicas} are connected; ${waitReplicas} are waited for.`)] : []
}

function examineWrites(info: ServerInfo): Finding[] {
  if (info.get('aof_enabled') !== '1') return []
  if (info.get('aof_last_write_status') === 'err')
    return [fault('appendonly', 'Redis could not write its append-only file.', 'Look at its disk and its log.')]
  if (info.get('aof_last_bgrewrite_status') === 'err')
    return [
      warning(
        'appendonly',
        'Redis could not rewrite its append-only file, which grows until it can.',
        'Look at its disk and its log.',
      ),
    ]
  return []
}

/** INFO does not tell of it, and not every user may ask for settings. */
async function examineFsync({ client, ask }: Connection, infos: readonly ServerInfo[]): Promise<Finding[]> {
  if (infos.some((info) => info.get('aof_enabled') !== '1')) return []
  const policies = await ask(() =>
    Promise.all(
      primaries(client).map(async (node) => {
        const answer = await node.config('GET', 'appendfsync').catch(unlessRefused)
        return String([answer].flat()[1] ?? '')
      }),
    ),
  )
  const [weakest = ''] = policies.toSorted((a, b) => fsyncs.indexOf(a) - fsyncs.indexOf(b))
  if (weakest === 'no')
    return [
      warning(
        'appendfsync',
        'It is no: a power cut may lose the last half minute.',
        'Run "CONFIG SET appendfsync everysec" and put it into redis.conf.',
      ),
    ]
  if (weakest === 'everysec')
    return [fine('appendfsync', 'It is everysec: what a power cut takes, gateways append again.')]
  if (weakest === 'always') return [fine('appendfsync', 'It is always: a power cut loses nothing.')]
  return [warning('appendfsync', 'This user may not see it.', 'See that redis.conf says everysec or always, not no.')]
}

/** The weakest first; before all, what is not known. */
const fsyncs = ['', 'no', 'everysec', 'always']

function unlessRefused(error: unknown): undefined {
  if (!isRefusal(error)) throw error
}

/** Shares of maxmemory in use: a settle still succeeds above both, an append does not. */
const fullAbove = 0.95
const tightAbove = 0.85

function examineMemory(infos: readonly ServerInfo[], options: RedisBufferOptions): Finding[] {
  const maxMemoryBytes = maxMemoryOf(infos)
  const limitBytes = appendLimit(options, maxMemoryBytes)
  const limit = `the log takes records up to ${bytesText(limitBytes)}`
  if (maxMemoryBytes === undefined)
    return [
      warning(
        'memory',
        `Redis has no maxmemory, and ${limit}, whatever the machine has.`,
        'Set maxmemory in redis.conf to what the machine can spare.',
      ),
    ]
  const share = Math.max(...infos.map((info) => Number(info.get('used_memory')) / Number(info.get('maxmemory') || 1)))
  const used = `${Math.round(share * 100)} % of its maxmemory of ${bytesText(maxMemoryBytes)} are in use`
  if (share > fullAbove)
    return [fault('memory', `${used}: appends are refused.`, 'Raise maxmemory, or keep less beside the log.')]
  const limitOfOne = (limitBytes / options.shards) * Math.ceil(options.shards / infos.length)
  if (limitOfOne > maxMemoryBytes * shareOfMemory)
    return [
      warning(
        'memory',
        `${limit}, and maxmemory is ${bytesText(maxMemoryBytes)}: Redis will be full before the log is.`,
        `Set buffer.maxBytes to at most ${Math.floor(maxMemoryBytes * shareOfMemory)}, or leave it out.`,
      ),
    ]
  if (share > tightAbove)
    return [warning('memory', `${used}.`, 'See with penstock top which sink is behind, or raise maxmemory.')]
  return [fine('memory', `${used}; ${limit}.`)]
}

async function askTimeMs({ client, ask }: Connection): Promise<number> {
  const [seconds, micros] = await ask(() => primaries(client)[0]!.time()) // a connection that answered has one
  return Number(seconds) * 1000 + Number(micros) / 1000
}

/** Does what scripts do to a key that never exists, one command of each kind. */
async function examineRights({ client, ask }: Connection, { prefix }: RedisBufferOptions): Promise<Finding> {
  const key = shardKeys(prefix, '0').common.at(-1)! // of five
  const results = await ask(
    async () =>
      await client
        .pipeline()
        .exists(key)
        .del(key)
        .hdel(key, 'none')
        .lrem(key, 0, 'none')
        .xtrim(key, 'MINID', '0')
        .eval('return 0', 1, key)
        .exec(),
  )
  const refusals = (results ?? []).flatMap(([error]) => (isRefusal(error) ? [error.message] : []))
  const [first] = refusals
  if (first === undefined) return fine('rights', 'This user may do what the log needs.')
  return fault('rights', `Redis refuses the user: ${first}.`, neededRights(prefix))
}

async function examineLog(
  { client, ask }: Connection,
  { prefix, shards: wanted }: RedisBufferOptions,
): Promise<{ finding: Finding; isOpenable: boolean }> {
  const { meta } = shardKeys(prefix, '0')
  const found = await ask(() => client.hmget(meta, 'incarnation', 'version', 'shards').catch(unlessRefused))
  const [incarnation, format, count] = found ?? []
  if (!incarnation) return { finding: fine('log', 'There is none yet.'), isOpenable: false }
  const shards = Number(count)
  const known = Number(format ?? 1)
  const misfit =
    known > version ? newerFormat(prefix, known) : shards > wanted ? moreShards(prefix, shards, wanted) : undefined
  if (misfit) return { finding: fault('log', misfit.found, misfit.advice), isOpenable: false }
  if (known < version || shards < wanted)
    return {
      finding: fine(
        'log',
        `It has format ${known} and shards ${shards}: the next start brings it to what is configured.`,
      ),
      isOpenable: false,
    }
  return {
    finding: fine('log', `${prefix} is there, with ${shards === 1 ? '1 shard' : `${shards} shards`}.`),
    isOpenable: true,
  }
}
