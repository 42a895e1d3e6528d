/** What an examination found out about one thing: for a person who wants to know what is wrong, and what to do about it. */
export type Finding =
  | {
      readonly level: 'ok'
      /** What was looked at, in two or three words. */
      readonly what: string
      /** What was found, as a sentence. */
      readonly found: string
    }
  | {
      /** `error`: nothing works so, or records can be lost or doubled; `warning`: it will work until something else goes wrong. */
      readonly level: 'warning' | 'error'
      readonly what: string
      readonly found: string
      /** What to do, as a sentence. */
      readonly advice: string
    }

/** 4 s: how long an examination waits for one answer. It is ended as a whole after 5 s, and could not say any more what it waited for. */
export const answerWithinMs = 4000

export function fine(what: string, found: string): Finding {
  return { level: 'ok', what, found }
}

export function warning(what: string, found: string, advice: string): Finding {
  return { level: 'warning', what, found, advice }
}

export function fault(what: string, found: string, advice: string): Finding {
  return { level: 'error', what, found, advice }
}

/** What was thrown in place of an answer, as an error whose own message says what was found. */
export function failure(what: string, thrown: unknown, advice: string): Finding {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return fault(what, /[.!?]$/.test(message) ? message : `${message}.`, advice)
}
