import { FAUXQS_ACCESS, Fauxqs } from '../../support/fauxqs.ts';
import { restartCases } from '../suites/restart.ts';

restartCases({
  what: 'the server of SQS',
  start: () => Fauxqs.start(),
  broker: ({ endpoint }) => ({
    kind: 'snssqs',
    ...FAUXQS_ACCESS,
    endpoint,
    wait_seconds: 1,
    visibility_seconds: 2,
  }),
  promise: /confirmed by the server at http/,
});
