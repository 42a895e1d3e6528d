import * as z from 'zod'

/** Option for where a server is that is asked over HTTP. */
export function httpAddress(example: string) {
  return z
    .url({ protocol: /^https?$/, error: `must be an HTTP or HTTPS address, such as ${example}` })
    .refine(isBare, 'must hold no credentials, parameters or fragment: other options are for those')
}

function isBare(url: string): boolean {
  if (!URL.canParse(url)) return true // said already
  const { username, password, search, hash } = new URL(url)
  return `${username}${password}${search}${hash}` === ''
}

/** Option for an https address whose certificate the system does not trust, or that wants a certificate of ours. */
export const tlsOption = z
  .strictObject({
    ca: z.string().optional().describe('Certificates to trust in place of the system’s, PEM'),
    cert: z.string().optional().describe('Certificate of this client, PEM'),
    key: z.string().optional().meta({ secret: true }).describe('Key of that certificate, PEM'),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'cert and key go together')

/** What a Retry-After header asks for, in seconds or as a date; undefined where it asks for nothing. */
export function retryAfterMs(header: string | readonly string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined
  const seconds = Number(header)
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000
  return ms > 0 ? ms : undefined
}
