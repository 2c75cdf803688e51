import { freshSnssqs } from '../../support/fauxqs.ts';
import { freshPostgres } from '../../support/postgres.ts';
import { splitCases } from '../suites/split.ts';

splitCases(await freshSnssqs({ topic: 'azud_orders' }), freshPostgres());
