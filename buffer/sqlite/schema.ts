/*
  A frame's offset is the number of records before it since the log began, so `offset + index` orders all records, and
  `cumulative` is the sum over all frames that ever were. A fence is drawn from one counter for all sinks, so that a sink
  that was retired and registered anew never gets an old owner's number again.
*/
const first = `
  CREATE TABLE log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    incarnation TEXT NOT NULL,
    cumulative INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    producer TEXT NOT NULL,
    boot INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE producers (
    id INTEGER PRIMARY KEY,
    producer TEXT NOT NULL,
    boot INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    appended INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    UNIQUE (producer, boot)
  ) STRICT;

  CREATE TABLE frames (
    offset INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    appended_at_ms INTEGER NOT NULL,
    producer_id INTEGER NOT NULL REFERENCES producers,
    seq INTEGER NOT NULL,
    made INTEGER NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX frames_by_seq ON frames (producer_id, seq);
  CREATE INDEX frames_by_count ON frames (offset, count);

  CREATE TABLE readers (
    sink TEXT PRIMARY KEY,
    started INTEGER NOT NULL,
    cursor_offset INTEGER NOT NULL,
    cursor_index INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    owner TEXT NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    filtered INTEGER NOT NULL DEFAULT 0,
    dead_lettered INTEGER NOT NULL DEFAULT 0,
    evicted INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  CREATE TABLE seals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL REFERENCES readers ON DELETE CASCADE,
    from_offset INTEGER NOT NULL,
    from_index INTEGER NOT NULL,
    to_offset INTEGER NOT NULL,
    to_index INTEGER NOT NULL,
    token TEXT NOT NULL,
    shape TEXT NOT NULL
  ) STRICT;
  CREATE INDEX seals_by_place ON seals (sink, from_offset, from_index);

  CREATE TABLE states (
    sink TEXT NOT NULL REFERENCES readers ON DELETE CASCADE,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (sink, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL REFERENCES readers ON DELETE CASCADE,
    at_ms INTEGER NOT NULL,
    form TEXT NOT NULL,
    reason TEXT NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX dead_letters_by_sink ON dead_letters (sink, id);
`

/*
  A dead letter with a `retry_id` is in the batch of that number. A minute's `id_sum` is modulo 2^48. The index over the frames
  finds the first one since a time without their bytes.
*/
const second = `
  ALTER TABLE seals ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;

  CREATE TABLE retries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL REFERENCES readers ON DELETE CASCADE
  ) STRICT;
  CREATE INDEX retries_by_sink ON retries (sink, id);
  ALTER TABLE dead_letters ADD COLUMN retry_id INTEGER REFERENCES retries;
  CREATE INDEX dead_letters_by_retry ON dead_letters (retry_id) WHERE retry_id IS NOT NULL;

  CREATE TABLE minutes (
    sink TEXT NOT NULL REFERENCES readers ON DELETE CASCADE,
    minute INTEGER NOT NULL,
    records INTEGER NOT NULL,
    id_sum INTEGER NOT NULL,
    PRIMARY KEY (sink, minute)
  ) STRICT, WITHOUT ROWID;

  DROP INDEX frames_by_count;
  CREATE INDEX frames_by_count ON frames (offset, count, appended_at_ms);
`

/** From an empty file to the present format, each by one; how many were made is kept in `user_version`. */
export const migrations = [first, second] as const
