import * as z from 'zod'

const names = z.array(z.string().min(1)).default([])

/** What of a request may be kept in its record. */
export const privacyOptions = z
  .strictObject({
    clientIp: z
      .enum(['full', 'truncated', 'pseudonymised'])
      .default('full')
      .describe(
        'Address of the client in records: whole, as its network (IPv4 /24, IPv6 /48), or as 16 hex digits of an HMAC-SHA-256 with `secret`, the same for the same address',
      ),
    secret: z
      .string()
      .min(16, 'a secret that addresses are hashed with has 16 characters or more: `openssl rand -hex 32` makes one')
      .optional()
      .meta({ secret: true })
      .describe('Key of the HMAC, the same in every gateway; needed for pseudonymised addresses'),
    userAgent: z.enum(['keep', 'drop']).default('keep').describe('User agent of the client in records'),
    referer: z
      .enum(['keep', 'withoutQuery', 'drop'])
      .default('withoutQuery')
      .describe('Referer in records: whole, without its query string and fragment, or not at all'),
    redact: z
      .strictObject({
        headers: names.describe('Further headers whose values are never recorded'),
        bodyFields: names.describe(
          'Further fields of JSON and form bodies, and query and path parameters, whose values are never recorded; at any depth, in any spelling: `cardHolder` is also `card_holder`',
        ),
        keep: names.describe(
          'Headers and fields that only sound like secrets, such as `total_tokens`, and are recorded. What carries credentials by definition is never recorded',
        ),
      })
      .prefault({})
      .describe(
        'What is taken out of detailed recordings, beside credentials, cookies, keys, and whatever is named like a password, secret, token, session or card number',
      ),
  })
  .superRefine(({ clientIp, secret }, context) => {
    if (clientIp !== 'pseudonymised' || secret !== undefined) return
    const message = 'Pseudonymised addresses need a secret: `openssl rand -hex 32` makes one.'
    context.addIssue({ code: 'custom', path: ['secret'], message })
  })

export type PrivacyOptions = z.output<typeof privacyOptions>
