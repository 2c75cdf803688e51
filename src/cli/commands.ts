import { check } from './check.ts';
import type { Command } from './command.ts';
import { completionCommand } from './completion.ts';
import { datasetInfer } from './dataset-infer.ts';
import { deadLetters } from './dead-letters.ts';
import { demo } from './demo.ts';
import { init } from './init.ts';
import { log } from './log.ts';
import { query } from './query.ts';
import { rows } from './rows.ts';
import { send } from './send.ts';
import { sql } from './sql.ts';
import { start } from './start.ts';
import { status } from './status.ts';
import { topology } from './topology.ts';
import { version } from './version.ts';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  init,
  start,
  check,
  ...topology,
  ...log,
  demo,
  send,
  rows,
  query,
  sql,
  status,
  ...deadLetters,
  datasetInfer,
  completionCommand(() => COMMANDS),
  version,
];
