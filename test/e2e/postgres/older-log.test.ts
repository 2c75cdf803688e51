import { freshPostgres } from '../../support/postgres.ts';
import { olderLogCase } from '../suites/older-log.ts';

olderLogCase('log and postgres', freshPostgres());
