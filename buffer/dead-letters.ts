import type { Buffer, StoredDeadLetter } from './buffer.ts'

const pageLetters = 1000

/** All dead letters of a sink, oldest first, read page by page. */
export async function* deadLettersOf(
  buffer: Pick<Buffer, 'deadLetters'>,
  sink: string,
): AsyncGenerator<StoredDeadLetter> {
  for (let after: number | undefined; ; ) {
    const page = await buffer.deadLetters(sink, { limit: pageLetters, ...(after === undefined ? {} : { after }) })
    yield* page
    after = page.at(-1)?.id
    if (page.length < pageLetters) return
  }
}
