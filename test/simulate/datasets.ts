import { compileDataset } from '../../src/event/validator.ts';

const properties = { n: { type: 'integer' }, kind: { type: 'string' }, text: { type: 'string' } };
const schema = { type: 'object', required: ['n'], properties };

/** Its events have ids of their own. */
const ORDERS = compileDataset('orders', { schema, event_id: '/n' });
/** Its events have none; an Idempotency-Key may give them some. */
const LOGS = compileDataset('logs', { schema });
/** Intake takes it, and by the time the loader sees it it is not declared any more. */
const GHOSTS = compileDataset('ghosts', { schema });

export const LOADED = new Map([ORDERS, LOGS].map((dataset) => [dataset.name, dataset]));
export const TAKEN = new Map([...LOADED, [GHOSTS.name, GHOSTS]]);
