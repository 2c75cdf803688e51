import { freshRabbitmq } from '../../support/rabbitmq.ts';
import { topologyCases } from '../suites/topology.ts';

topologyCases(freshRabbitmq());
