import { freshSnssqs } from '../../support/fauxqs.ts';
import { topologyCases } from '../suites/topology.ts';

topologyCases(await freshSnssqs({ queue: 'azud_test_orders', topic: 'azud_test_orders' }));
