import { freshPostgres } from '../../support/postgres.ts';
import { freshPubsub } from '../../support/pubsub.ts';
import { sameAnswerCases } from '../suites/same-answers.ts';

sameAnswerCases(await freshPubsub(), freshPostgres());
