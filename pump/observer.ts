/** What a sink × shard is doing, as operators see it. */
export type SinkState = 'running' | 'retrying' | 'halted' | 'standby'

/** What counts and shows the attempts at one sink. */
export interface AttemptObserver {
  readonly onState: (state: SinkState, reason?: string) => void
  readonly onError: (kind: 'retry' | 'reject' | 'halt' | 'unknown') => void
  readonly onWrite: (seconds: number) => void
}

/** What counts and shows the deliveries of one sink × shard. Its functions need no `this`. */
export interface DeliveryObserver extends AttemptObserver {
  readonly onReceived: (records: number) => void
  readonly onSettled: (counts: { delivered: number; filtered: number; deadLettered: number; bytes: number }) => void
  readonly onEvicted: (records: number) => void
  /** They were received and are not settled, and this process lets go of them: whoever takes the shard receives them again. */
  readonly onReleased: (records: number) => void
  /** The loop has turned: it is alive. */
  readonly onTurn: () => void
}
