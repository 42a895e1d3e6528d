import * as z from 'zod'
import { listenType } from '../runtime/listen.ts'

/** Where the usage page and the usage API are served, and to whom. */
export const consoleOptions = listenType(8083).safeExtend({
  token: z
    .string()
    .min(16)
    .optional()
    .meta({ secret: true })
    .describe(
      'Token that the API asks for as `Authorization: Bearer`; needed where the host is not loopback. Default none',
    ),
})

export type ConsoleOptions = z.output<typeof consoleOptions>
