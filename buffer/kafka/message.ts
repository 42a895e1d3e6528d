/** What is written to a partition. */
export interface Message {
  readonly topic: string
  readonly partition: number
  readonly key: Buffer
  /** null takes the key out of a compacted topic. */
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
}

/** What was read from a partition. */
export interface StoredMessage extends Message {
  readonly offset: number
  /** When it was appended, Unix milliseconds by the broker's clock where the topic says so. */
  readonly atMs: number
}
