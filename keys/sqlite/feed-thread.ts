import { threadData, threadPort } from '../../runtime/thread.ts'
import type { FeedData, FromFeed, ToFeed } from './keyring.ts'
import { openSqliteKeys } from './store.ts'

const { file, pollMs, afterRevision } = threadData<FeedData>()
const port = threadPort<ToFeed, FromFeed>()
const store = openSqliteKeys({ file })
let known = afterRevision
let failing = false

async function poll(): Promise<void> {
  const { revision, keys } = await store.changes(known)
  if (keys.length === 0) return
  known = revision
  port.post({ revision, keys })
}

/** The keys that are known go on working while the database does not answer; a revocation has to wait, so somebody must look. */
async function noting(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    if (failing) port.log('info', 'The keys can be read and written again.', { file })
    failing = false
  } catch (error) {
    if (!failing)
      port.log('error', 'The keys cannot be read or written; the last known ones hold.', { file, what, error })
    failing = true
  }
}

const first = await store.changes(known)
known = first.revision
port.post(first) // even where there is none: it says that the thread is at work

const timer = setInterval(() => void noting('poll', poll), pollMs)

port.listen(async (message) => {
  if (message.kind === 'touch') return noting('touch', () => store.touch(message.uses))
  clearInterval(timer)
  port.close()
  await store[Symbol.asyncDispose]()
})
