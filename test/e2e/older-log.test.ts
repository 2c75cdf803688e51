import { olderLogCase } from './suites/older-log.ts';

olderLogCase('log and duckdb', { kind: 'duckdb' });
