import { freshNats } from '../../support/nats.ts';
import { freshPostgres } from '../../support/postgres.ts';
import { sameAnswerCases } from '../suites/same-answers.ts';

sameAnswerCases(freshNats(), freshPostgres());
