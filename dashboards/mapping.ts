import { MappingType, type ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard'

/** Words and colours of values that are states. */
function states(words: Readonly<Record<number, readonly [text: string, color: string]>>): readonly ValueMapping[] {
  const options = Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }] as const)
  return [{ type: MappingType.ValueToText, options: Object.fromEntries(options) }]
}

export const isUp = states({ 0: ['Down', 'red'], 1: ['Up', 'green'] })
/** A target that some gateways use and others skip lies between. */
export const isUsed: readonly ValueMapping[] = [
  ...states({ 0: ['Skipped', 'red'], 1: ['Used', 'green'] }),
  {
    type: MappingType.RangeToText,
    options: { from: 0.000001, to: 0.999999, result: { text: 'Partly', color: 'orange', index: 2 } },
  },
]
/** The worst state of a sink's shards, as `sinkState` on Internals computes it. */
export const sinkStates = states({
  0: ['Standby', 'blue'],
  1: ['Running', 'green'],
  2: ['Retrying', 'orange'],
  3: ['Halted', 'red'],
})
export const isFresh = states({ 0: ['Not taken', 'red'], 1: ['In use', 'green'] })
/** Who an error is the fault of. */
export const isOurs = states({ 0: ['Theirs', 'text'], 1: ['Ours', 'red'] })
