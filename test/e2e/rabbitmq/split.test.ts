import { freshPostgres } from '../../support/postgres.ts';
import { freshRabbitmq } from '../../support/rabbitmq.ts';
import { splitCases } from '../suites/split.ts';

splitCases(freshRabbitmq(), freshPostgres());
