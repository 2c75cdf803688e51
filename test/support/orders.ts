/** One small configuration that most end-to-end tests share: a dataset without ids, one with, and one that upserts. */
export const ORDERS_CONFIG = {
  version: 1,
  datasets: {
    orders: {
      schema: {
        type: 'object',
        required: ['n'],
        properties: {
          n: { type: 'integer' },
          customer: { type: 'string' },
          amount: { type: 'number' },
          paid: { type: 'boolean' },
          placed_at: { type: 'string', format: 'date-time' },
          details: { type: 'object' },
        },
      },
    },
    parcels: {
      event_id: '/id',
      schema: {
        type: 'object',
        required: ['id'],
        additionalProperties: false,
        properties: { id: { type: 'string' }, n: { type: 'integer' }, weight: { type: 'number' } },
      },
    },
    customers: {
      mode: 'upsert',
      key: '/id',
      schema: {
        type: 'object',
        required: ['id'],
        properties: { id: { type: 'string' }, name: { type: 'string' }, visits: { type: 'integer' } },
      },
    },
  },
  endpoints: {
    orders_by_customer: {
      params: { customer: { type: 'string', required: true }, limit: { type: 'integer', default: 10, maximum: 1000 } },
      sql: 'SELECT customer, count(*) AS orders, sum(amount) AS amount FROM orders WHERE customer = $customer GROUP BY customer LIMIT $limit',
    },
  },
} as const;
