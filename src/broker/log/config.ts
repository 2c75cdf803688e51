import { bytes, duration } from '../../lib/setting.ts';

/** Settings of `broker: { kind: log }`. */
export const LOG_SETTINGS = {
  segment_bytes: bytes({
    description: 'Size at which a segment file is sealed and the next one begun.',
    default: '64MiB',
    example: '64MiB',
  }),
  retention: duration({
    description: 'Segments that the store holds safely are removed when they are older than this.',
    default: '7d',
    example: '30d',
  }),
  retention_bytes: bytes({
    description: 'Segments that the store holds safely are removed, oldest first, while the log is larger than this.',
    default: '10GiB',
    example: '50GiB',
  }),
};
