import { freshPubsub } from '../../support/pubsub.ts';
import { topologyCases } from '../suites/topology.ts';

topologyCases(await freshPubsub());
