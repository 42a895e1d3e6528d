import { ConfigError } from '../../runtime/check.ts'
import { threadData, threadPort } from '../../runtime/thread.ts'

/** What `thread.test.ts` opens: it answers, and dies on demand. */
export type ToEcho = 'die' | 'exit' | 'hang' | 'log' | 'farewell' | number

const start = threadData<number>()
if (start === -1) throw new Error('This start cannot succeed.')
if (start === -2) throw new ConfigError('Nobody can start with this.')
const port = threadPort<ToEcho, string>()
port.post(`start ${start}`)
port.listen((message) => {
  if (message === 'die') throw Object.assign(new Error('asked to die'), { code: 'EASKED' })
  if (message === 'exit') process.exit(7)
  if (message === 'hang') for (;;);
  if (message === 'log') {
    const cause = new TypeError('the cause')
    port.log('warn', 'A line of the thread.', { n: 1, error: Object.assign(new Error('x', { cause }), { code: 'EX' }) })
  } else if (message === 'farewell') {
    port.post('farewell')
    port.close()
  } else port.post(`answer ${message}`)
})
