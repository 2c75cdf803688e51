import { freshPostgres } from '../../support/postgres.ts';
import { freshPubsub } from '../../support/pubsub.ts';
import { splitCases } from '../suites/split.ts';

splitCases(await freshPubsub(), freshPostgres(), null);
