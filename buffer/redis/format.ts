/** Kept in every shard: 1 was without deaths, retries and the minute ledger, and can be read as it is. */
export const version = 2

interface Misfit {
  readonly found: string
  readonly advice: string
}

/** Why a log of a newer format is not opened. */
export function newerFormat(prefix: string, format: number): Misfit {
  return {
    found: `The log ${prefix} in Redis has format ${format}; this Penstock knows ${version}.`,
    advice: 'Run the version that wrote it, or give this one another prefix.',
  }
}

/** Why a log with more shards than the options say is not opened. */
export function moreShards(prefix: string, shards: number, wanted: number): Misfit {
  return {
    found: `The log ${prefix} in Redis has ${shards} shards, of which those beyond ${wanted} would not be read.`,
    advice: `Set shards to ${shards}.`,
  }
}
