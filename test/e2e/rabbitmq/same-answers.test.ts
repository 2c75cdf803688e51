import { freshPostgres } from '../../support/postgres.ts';
import { freshRabbitmq } from '../../support/rabbitmq.ts';
import { sameAnswerCases } from '../suites/same-answers.ts';

sameAnswerCases(freshRabbitmq(), freshPostgres());
