import { freshSnssqs } from '../../support/fauxqs.ts';
import { freshPostgres } from '../../support/postgres.ts';
import { sameAnswerCases } from '../suites/same-answers.ts';

sameAnswerCases(await freshSnssqs({ topic: 'azud_orders' }), freshPostgres());
