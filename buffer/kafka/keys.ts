/*
  Keys of the compacted topics. What varies is escaped, so that a slash always separates.

    producers   boot/<producer and boot>          how far a boot has come
                log/trimmed                       where what is held begins
    state       reader/<sink>                     cursor, seals, counters, owner
                pump/<owner>                      a process that delivers, and to which sinks; in the first partition only
                retries/<sink>                    batches of dead letters that are to be delivered again
                state/<sink>/<key>                the sink's own state
                hour/<sink>/<hour>                the minute ledger, of one hour
    dead        letter/<sink>/<id>                a dead letter
*/

export const bootKey = (producer: string, boot: number) => `boot/${escaped(`${producer}/${boot}`)}`
export const trimmedKey = 'log/trimmed'
export const readerKey = (sink: string) => `reader/${escaped(sink)}`
export const pumpKey = (owner: string) => `pump/${escaped(owner)}`
export const retriesKey = (sink: string) => `retries/${escaped(sink)}`
export const stateGroup = (sink: string) => `state/${escaped(sink)}`
export const hourGroup = (sink: string) => `hour/${escaped(sink)}`
export const letterGroup = (sink: string) => `letter/${escaped(sink)}`

/** A key within a group. */
export const keyIn = (group: string, name: string | number) => `${group}/${escaped(`${name}`)}`

/** The last part of a key, as it was before it was escaped. */
export function nameIn(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1).replace(/%2F|%25/g, (code) => (code === '%2F' ? '/' : '%'))
}

function escaped(text: string): string {
  return text.replace(/[%/]/g, (character) => (character === '/' ? '%2F' : '%25'))
}
