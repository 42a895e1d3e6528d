import type { Mutation } from '../mutation.ts'

/** What the tests of the pump must find. */
export const pumpMutations: readonly Mutation[] = [
  {
    says: 'a block settles before it is sent',
    file: 'pump/session.ts',
    search: 'return await attempt(toBlock, { ...this.#options, isEmpty, signal: this.#signal })',
    replacement:
      "void attempt(toBlock, { ...this.#options, isEmpty, signal: this.#signal }).catch(() => {})\n    return { block: toBlock(false), outcome: 'stored', written: undefined }",
    killedBy: { file: 'test/pump/order.test.ts', name: 'nothing is settled that the sink does not have' },
  },
  {
    says: 'records are isolated without a durable split',
    file: 'pump/session.ts',
    search: 'const [first, second] = await this.#persist(() => reader.split(seal, right.from, tokens))',
    replacement:
      'const first = { ...seal, to: right.from, token: tokens[0] }\n    await this.#send(first, left, false).attempted\n    const [, second] = await this.#persist(() => reader.split(seal, right.from, tokens))',
    killedBy: {
      file: 'test/pump/order.test.ts',
      name: 'nothing is sent that is not sealed under its token, neither a block nor a part of one',
    },
  },
  {
    says: 'tokens are made of places in the log',
    file: 'pump/draft.ts',
    search: "Buffer.from(frame.bytes.subarray(0, frameIdentityBytes)).toString('base64')",
    replacement: 'frame.offset',
    killedBy: {
      file: 'test/pump/draft.test.ts',
      name: 'the token depends on the sink and on every record, and on nothing else',
    },
  },
]
