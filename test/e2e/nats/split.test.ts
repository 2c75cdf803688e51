import { freshNats } from '../../support/nats.ts';
import { freshPostgres } from '../../support/postgres.ts';
import { splitCases } from '../suites/split.ts';

splitCases(freshNats(), freshPostgres());
