import { freshNats } from '../../support/nats.ts';
import { topologyCases } from '../suites/topology.ts';

topologyCases(freshNats());
