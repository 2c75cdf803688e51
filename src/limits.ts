/**
 * Every bound in Azud, with its unit in the name and the sum that chose it.
 * A number that limits something lives here, nowhere else.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/** What one HTTP request may bring. */
export const INTAKE_LIMITS = Object.freeze({
  /** Wire size of a request body, bytes. 10,000 events of 500 bytes fit. */
  bodyBytesMax: 5 * MiB,
  /** Size after gzip or deflate, bytes. Four times the wire: text compresses 4 to 10 times. */
  inflatedBytesMax: 20 * MiB,
  /** Inflated size over wire size. JSON seldom passes 30; a bomb starts at 1,000. */
  inflateRatioMax: 100,
  /** Events in one request. A batch is one log record, and one unit of retry. */
  batchEventsMax: 10_000,
  /** One event, bytes: what the brokers take in one message. Only an SNS topic takes less, and says so. */
  eventBytesMax: 256 * KiB,
  /** One CSV row may have this many cells. */
  csvColumnsMax: 2_000,
  /** Idempotency-Key and client event ids, bytes. */
  idBytesMax: 128,
  /** Row errors listed in one answer; the counts are always whole. */
  errorsListedMax: 100,
  /** Checking one body, ms, where its schema has rules that may last. Nobody else is served meanwhile. */
  checkMsMax: 1_000,
  /** After a check that lasts longer the others in the process have their turn, for as long as it took, ms. */
  checkLongMs: 50,
  /** Bodies that wait for such a turn; above it intake answers 503. The last of them waits 18 s at worst. */
  checksWaitingMax: 8,
  /** Longest `wait=stored` a caller may ask for, ms. */
  waitMsMax: 60_000,
  /**
   * Bodies between their last byte and their answer, bytes after inflation: above it intake answers 503. It bounds the
   * memory, and the time until all is normal again: at 13 MB/s, less than any disk or core gives, 64 MiB are done in 5 s.
   */
  takingBytesMax: 64 * MiB,
  /** Requests in the same state: two for each connection of the front door, for a client may pipeline. */
  takingRequestsMax: 4_000,
});

/** What the strict JSON scanner accepts, per event. */
export const JSON_LIMITS = Object.freeze({
  depthMax: 32,
  keysMax: 2_000,
  keyBytesMax: 256,
  /** Digits in one number: capped before anything converts it (BigInt of 900,000 digits takes 138 ms). */
  numberDigitsMax: 64,
});

/** What the plain scan copies: a larger body is read without it, so that its memory stays small. */
export const PLAIN_SCAN_LIMITS = Object.freeze({
  /** One body, bytes: what comes over the wire uncompressed fits. */
  bodyBytesMax: 6 * MiB,
});

/** The front door's sockets. */
export const HTTP_LIMITS = Object.freeze({
  connectionsMax: 2_000,
  headersMax: 100,
  headerBytesMax: 16 * KiB,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  connectionTimeoutMs: 120_000,
  requestsPerSocketMax: 10_000_000,
  drainTimeoutMs: 10_000,
  /** Path and query of a request line, bytes: filters of 8 KiB fit, and the header bound stays above it. */
  urlBytesMax: 12 * KiB,
  /** One part of a path: it may be the key of a row, which is as long as a value in a filter. */
  pathPartBytesMax: 8 * KiB,
  /** Bodies of control requests (replay, discard): an event and a patch fit. */
  controlBytesMax: 1 * MiB,
  /** How long, and for how many bytes, a refused body is read and thrown away so that the client sees the answer. */
  lingerMs: 1_000,
  lingerBytesMax: 64 * MiB,
  /** Longest wait for analytics to begin its answer: above the query time limit of 30 s, so that its own 504 comes first. */
  forwardTimeoutMs: 35_000,
  /** While analytics is silent it is asked this often whether it lives. */
  pingAfterMs: 1_000,
  /** It is taken for hung after this: on busy cores 0.1 s of its work, which comes after intake's, takes two seconds. */
  pingTimeoutMs: 3_000,
  /**
   * Bytes of bodies that are still arriving; above it the request that brings more is answered 503. 25 full bodies, or
   * 65 KiB for each connection.
   */
  arrivingBytesMax: 128 * MiB,
  /**
   * An answer of a read up to this size is made whole before it is sent, and has an entity tag; a longer one is streamed.
   * A page of some thousand rows fits, and eight reads at once hold 2 MiB.
   */
  taggedBytesMax: 256 * KiB,
  /**
   * Memory for bodies that arrive in the lane (http/lane.ts) in more than one piece, bytes: a hundred requests of 1,000 events. What
   * finds none is Node's to read.
   */
  laneLentBytesMax: 32 * MiB,
  /** Of it, kept for the next one. */
  laneKeptBytesMax: 8 * MiB,
  /** A request that has begun and is not whole after this is left to Node's server and its time limits, ms. */
  laneWaitMs: 1_000,
  /** Bytes of accepted requests waiting for their group commit; above it intake answers 503. */
  pendingBytesMax: 64 * MiB,
});

/** The embedded segment log. */
export const LOG_LIMITS = Object.freeze({
  /** A segment is sealed at this size: large enough that 10 GB is 160 files, small enough to scan in 0.2 s. */
  segmentBytesMax: 64 * MiB,
  /** One record. A whole request after inflation, with its header. */
  recordBytesMax: 32 * MiB,
  /** Bytes in one group commit. Bounds memory and the time one fdatasync takes. */
  groupBytesMax: 8 * MiB,
  /** A sparse index entry is kept for about every this many bytes. */
  indexStrideBytes: 256 * KiB,
  /** Kept on disk unused, so that recovery has room when the disk is full. */
  reserveBytes: 64 * MiB,
  /** Between two probes of a full disk, ms: "accepts again within 5 s of space". */
  fullDiskProbeMs: 1_000,
  /** Used share of the disk above which a warning is logged, ratio: a tenth of the disk is left to act in. */
  diskWarnRatio: 0.85,
  /** Used share of the disk above which intake refuses with 507, ratio. */
  diskUsedRatioMax: 0.95,
});

/** What intake makes of a wall clock that is set while it runs. */
export const CLOCK_LIMITS = Object.freeze({
  /** A step back up to an hour, as a time server or a change of zone makes it, is waited out: times of receipt stand still, ms. */
  heldMsMax: 3_600_000,
  /** Time servers correct half a second without a step; two are worth a line in the log, ms. */
  jumpMsMin: 2_000,
});

/** The loader's unit of work: one store transaction. */
export const LOADER_LIMITS = Object.freeze({
  /**
   * Two row groups of DuckDB. Under a backlog batches of up to 10,000 fill a unit to at least 235,761: such a unit goes
   * straight to blocks, past the write-ahead log, and its last row group is too full to be merged and written again later.
   * 440,000 rows/s were loaded so, 225,000 in units of 50,000.
   */
  unitEventsMax: 245_760,
  /** One row group: a unit this large gains nothing by waiting for the one before it, so the store is told of it. */
  unitEventsAmple: 122_880,
  /** 245,760 events of 220 bytes with room for 400; the loader holds three units. */
  unitBytesMax: 96 * MiB,
  /** A batch held is about 1 kB beside its bytes, and three units are held; of 5 ms for a transaction each of 20,000 bears a quarter of a µs. */
  unitBatchesMax: 20_000,
  /** Longest time the first event of a unit waits for company, ms. */
  unitDelayMs: 100,
  /** Between two units while events keep coming, ms: a transaction costs 5 ms however small it is, 2 % of this. */
  unitIntervalMs: 250,
  /**
   * Between two looks at a broker that has little waiting, ms: a fifth of the delay, so that a unit takes at most five. Where
   * waiting costs nothing, from the last look to the end of the unit: time to read 10 MB.
   */
  receiveIntervalMs: 20,
  /** Between two tries of a unit, ms: the first at once enough to go unnoticed, the last within "5 s of space coming back". */
  retryFirstMs: 100,
  retryMaxMs: 5_000,
  /** Between two looks at the broker's backlog, ms. Alerts read the gauge every 15 s. */
  lagIntervalMs: 1_000,
});

/** The store's periodic work. */
export const KEEPER_LIMITS = Object.freeze({
  /** Between two looks at the log's growth, ms. */
  tickMs: 60_000,
  /** Between two removals of what is past its retention, ms: retention is counted in days. */
  sweepIntervalMs: 10 * 60_000,
  /** A snapshot is taken when the log has grown by this much since the last, bytes: 1 GiB replays in about 10 s … */
  snapshotGrowthBytes: 1024 * MiB,
  /** … and by this share of the database: a large one is not copied whole for each GiB, but two bytes at most for one. */
  snapshotGrowthShare: 0.5,
  /** A quiet log is let go at least this often, ms. */
  snapshotIntervalMs: 24 * 3_600_000,
});

/** The store's recovery from damage. */
export const RECOVERY_LIMITS = Object.freeze({
  /** Sets of damaged files kept for people to look at, the newest: each is as large as the database. */
  damagedSetsMax: 3,
  /** Between two looks at how much of the log has been read again, ms: a look has the log's owner sum up to 256 KiB twice. */
  lookIntervalMs: 500,
});

/** What one read may cost. */
export const QUERY_LIMITS = Object.freeze({
  rowsDefault: 100,
  rowsMax: 10_000,
  timeoutMs: 30_000,
  sqlBytesMax: 64 * KiB,
  paramBytesMax: 8 * KiB,
  concurrentMax: 8,
  /** Of these for one token, so that its heavy queries leave room for the others; what cannot begin in time is refused. */
  concurrentPerTokenMax: 6,
  seatWaitMs: 5_000,
  /** Of an endpoint's trial at start, which reads no row. */
  trialTimeoutMs: 5_000,
  /** After the interrupt: some functions of DuckDB heed none for a minute, and then only the end of the process ends them. */
  interruptGraceMs: 2_000,
  /** Dead letters on one page: each may be 256 KiB. */
  deadLettersMax: 1_000,
  /** Dead letters read, checked and published at once by a replay of many: 25 MiB at worst. */
  replayPageMax: 100,
  /** Parquet row group: rows and bytes, whichever comes first. It is the memory a Parquet answer takes. */
  parquetGroupRowsMax: 20_000,
  parquetGroupBytesMax: 8 * MiB,
});

/** Ad-hoc SQL: every query has a process, or a session, of its own. */
export const AD_HOC_LIMITS = Object.freeze({
  /** At once, in all: each takes a core and up to its memory limit. */
  concurrentMax: 4,
  /** Of one token, so that it leaves room for the others. */
  concurrentPerTokenMax: 2,
  /** Of one answer, which is made whole before its status is said: four of them are 64 MiB. */
  resultRowsMax: 100_000,
  resultBytesMax: 16 * MiB,
  /** Disk that the sorts and joins of one query may take. */
  tempBytesMax: 1024 * MiB,
  /** What the process of a query may take beyond its memory limit before it is ended: itself, and values not yet counted. */
  memoryBeyondBytes: 512 * MiB,
  /** Between two looks at that memory, ms: a core fills about 100 MB in it. */
  memoryCheckMs: 50,
  /**
   * Making a copy takes the disk, and a large one keeps the loader waiting: a tenth of the time at most, so copies are this
   * many times as far apart as one takes.
   */
  copyRestFactor: 10,
  /** A copy that nobody has asked for this long is removed, ms. */
  copyIdleMs: 15 * 60_000,
});

/** Results of endpoints and transactions on their way: kept for a while, never relied on. */
export const CACHE_LIMITS = Object.freeze({
  /** In process: results, and their bytes. */
  entriesMax: 1_000,
  bytesMax: 64 * MiB,
  /** In process: a larger result is streamed and not kept. Eight fill the cache. */
  entryBytesMax: 8 * MiB,
  /** In a shared cache: 1 MiB takes 8 ms of a 1 Gbit/s link, and a tenth of a call's time. */
  sharedEntryBytesMax: 1 * MiB,
  /** After a call that failed, ms: the cache is left alone so long, doubled for each further failure. */
  restFirstMs: 1_000,
  restMaxMs: 5_000,
  /** To a new connection, ms. */
  openTimeoutMs: 2_000,
  /** After a connection was lost, ms; doubled for each further failure, up to the longest rest. */
  reconnectFirstMs: 100,
  /** Between two lines about the same kind of failure in the log, ms. */
  warnIntervalMs: 60_000,
  /** How long others wait for a process that makes the same result, ms; then they make it themselves. */
  flightMs: 2_000,
  /** A dataset into which nothing is stored keeps its generation so long, ms. */
  generationMs: 30 * 24 * 3600 * 1000,
  /** In process: transactions remembered for their receipts. About 310 bytes each: 16 MB of the intake process. */
  transactionsMax: 50_000,
  /** Transactions that wait to be told to a shared cache, a second of the fastest intake; more are let go. */
  transactionsWaitingMax: 20_000,
  /** Transactions told at once. */
  transactionsTold: 500,
});

export const DURATIONS = Object.freeze({
  /** Receipts of a dataset without retention are kept this long; with retention they go with the rows. */
  receiptsMs: 30 * 24 * 3600 * 1000,
  dedupeWindowMs: 7 * 24 * 3600 * 1000,
});

/** How the supervisor treats its two children. */
export const SUPERVISOR_LIMITS = Object.freeze({
  /** Delay before the second restart, doubled for each further one. */
  restartFirstMs: 250,
  restartMaxMs: 10_000,
  /** This many deaths within the window, and restarts come only every `restartMaxMs`. */
  crashesMax: 5,
  crashWindowMs: 60_000,
  /** This many I/O failures within the window, and it stops: the disk is not to be trusted. */
  ioFailuresMax: 3,
  ioWindowMs: 600_000,
  /** How long after a child's SIGTERM the supervisor's own may still come, ms: they are sent one after the other. */
  termGraceMs: 250,
  /** From a child's last words to its end, ms: one whose threads are still in the engine never gets there by itself. */
  failedGraceMs: 1_000,
  /** Who is ended first when the system's memory runs out: analytics before intake. -1000 to 1000, Linux. */
  analyticsOomScore: 500,
  /** From the signal to the exit; what has not ended by then is killed. A unit of the loader takes well under a second. */
  drainMs: 10_000,
  /** Of which the front door may take this much for requests in flight. */
  intakeDrainMs: 6_000,
  /** Niceness of analytics: where both want a core, intake has nine tenths of it. What waits is safe in the log. */
  analyticsNice: 10,
  /** Heap of the intake process, MB. It holds no data longer than one group commit; bodies lie outside the heap. */
  intakeHeapMb: 96,
  /**
   * Threads in intake's pool where the broker is `log`. The log has one write under way, and of four threads that take turns at it the next has slept
   * longest and wakes where something else runs by now: with one, single events came in 6 % faster beside a PostgreSQL on the same two
   * cores. And gzip bodies, inflated by four, took the cores that the log waits for: single events beside eight clients that send them
   * came in twice as fast, with half the p99, and the bodies as fast as before.
   */
  intakePoolThreads: 1,
  /**
   * Young generation of both processes, MB. Of 2, 4, 8 and 16 MB (V8's own) intake took in a quarter more NDJSON at 8 than at 16,
   * with half the p99, and at 4 the same with 20 MB less resident; single events cost it 3 % more there.
   */
  semiSpaceMb: 4,
  /** Garbage may come to this share of what is alive before the heap is marked, percent: of 16 MB in intake. */
  heapGrowthPercent: 100,
  /**
   * How many times what lies outside the heap may grow before it is marked, bodies and pieces of the log above all: by V8's own
   * choice every 15 MB of bodies marked the whole heap, a third of what intake took for NDJSON. With 2 it is marked a tenth as
   * often; with 4 nothing was faster, and analytics took 0.3 GB more; with 1.5 it took 0.12 GB less, and the slow ones among reads of a
   * row were slower (a p99 of 40, 32, 48 ms against 30, 27, 29, 34, on a slow day).
   */
  externalGrowthMax: 2,
});
