import { kafkaPlace } from '../services/shared.ts'
import { openLog } from './kafka-log.ts'
import { shardsContract } from './shards-contract.ts'

shardsContract(async (t, partitions) => await openLog(t, { ...(await kafkaPlace()), partitions }))
