/**
 * One spelling for each path, so that a request cannot slip past a route's rules by writing the path otherwise. The
 * upstream gets the same spelling that was matched, so that both read the same.
 *
 *   %61 and %2d     become a and -: percent-encoded letters, digits and -._~ are decoded
 *   %2f             becomes %2F: what stays encoded is in capitals
 *   //              becomes /
 *   . and ..        as a segment, however encoded, with or without a `;` after it: refused, no honest client sends them
 *   \ # %00 %zz     controls, backslashes and broken percent-encoding: refused; of encoded controls NUL, CR and LF, which
 *                   end a text or a line for some upstream. Others are what people paste, such as %09, and pass
 *   /orders/        is matched as /orders, and passed on as it is
 *
 * Upper and lower case stay apart. Parameters (`/orders;v=1`) stay as well, for the API to take or refuse.
 */

const odd = /[%\\]|\/[/.]|[^!-~]/

/** The path in its one spelling; undefined where it is refused. */
export function normalPath(path: string): string | undefined {
  return odd.test(path) ? respelled(path) : path
}

const refused = /[\\\0-\x20\x7f]/
const dotSegment = /\/\.{1,2}(?:(?:;|%3B)[^/]*)?(?=\/|$)/
const unreserved = /[A-Za-z0-9\-._~]/

function respelled(path: string): string | undefined {
  let broken = false
  const decoded = path.replace(/%([0-9a-fA-F]{2})?/g, (_, hex: string | undefined) => {
    const code = hex === undefined ? 0 : Number.parseInt(hex, 16)
    if (code === 0 || code === 0x0a || code === 0x0d) broken = true
    const character = String.fromCharCode(code)
    return unreserved.test(character) ? character : `%${hex?.toUpperCase()}`
  })
  const merged = decoded.replace(/\/{2,}/g, '/')
  return broken || refused.test(merged) || dotSegment.test(merged) ? undefined : merged
}

/** Whether a path in its one spelling has parameters behind a segment, which some upstreams leave out before they route. */
export function hasParameters(path: string): boolean {
  return path.includes(';') || path.includes('%3B')
}

/** The path in its one spelling as such an upstream routes it. */
export function withoutParameters(path: string): string {
  return path.replace(/(?:;|%3B)[^/]*/g, '').replace(/\/{2,}/g, '/')
}

/** Whether a path in its one spelling has an encoded slash or backslash, which some upstreams take for a slash. */
export function hasEncodedSlash(path: string): boolean {
  return path.includes('%') && /%(?:2F|5C)/.test(path)
}
