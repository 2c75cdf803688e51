import type { protos } from '@google-cloud/pubsub';
import type { TopologyPart } from '../driver.ts';
import { topicMissing } from '../errors.ts';
import { type Link, ONCE } from './connection.ts';
import { classified, refusedSetting, STATUS, statusOf } from './errors.ts';

/** What Azud needs in the project: a topic, a subscription of it, and perhaps where what never gets through is kept. */
export interface Topology {
  readonly topic: string;
  readonly subscription: string;
  readonly ordering: boolean;
  readonly exactly_once: boolean;
  /** ms. */
  readonly ack_deadline: number;
  /** ms. */
  readonly retention: number;
  /** A subscription of the same name keeps what goes there. */
  readonly dead_letter_topic: string | null;
  readonly max_delivery_attempts: number;
}

type Subscription = protos.google.pubsub.v1.ISubscription;

/** What the service calls the topic of a subscription whose topic is gone. */
const DELETED_TOPIC = '_deleted-topic_';

export function topicName({ project }: Link, topic: string): string {
  return `projects/${project}/topics/${topic}`;
}

export function subscriptionName({ project }: Link, subscription: string): string {
  return `projects/${project}/subscriptions/${subscription}`;
}

/** The subscription as it is, null when it or anything beside it is missing. @throws AzudError as `plan` */
export async function exists(link: Link, topology: Topology): Promise<Subscription | null> {
  const parts = await plan(link, topology);
  if (parts.some(({ state }) => state === 'missing')) return null;
  return findSubscription(link, topology.subscription);
}

/** Topics and subscriptions as they are. @throws AzudError `not-connected`, `access-denied` */
export async function plan(link: Link, topology: Topology): Promise<readonly TopologyPart[]> {
  const { topic, subscription, dead_letter_topic: dead } = topology;
  const found = await findSubscription(link, subscription);
  const difference = found && differenceOf(link, topology, found);
  const parts: TopologyPart[] = [
    await topicPart(link, topic, 'what is published goes here'),
    difference
      ? { what: `subscription ${subscription}`, state: 'differs', detail: difference }
      : subscriptionPart(subscription, found, wantedOf(topology)),
  ];
  if (dead === null) return parts;
  const detail = `takes what came back ${topology.max_delivery_attempts} times`;
  parts.push(await topicPart(link, dead, detail));
  // What is published to a topic without a subscription is gone.
  parts.push(
    subscriptionPart(dead, await findSubscription(link, dead), `of topic ${dead}, which keeps nothing itself`),
  );
  return parts;
}

async function topicPart(link: Link, topic: string, detail: string): Promise<TopologyPart> {
  return { what: `topic ${topic}`, state: (await hasTopic(link, topic)) ? 'exists' : 'missing', detail };
}

function subscriptionPart(name: string, found: Subscription | null, detail: string): TopologyPart {
  return { what: `subscription ${name}`, state: found ? 'exists' : 'missing', detail };
}

/** The subscription as it is, null when there is none. */
export async function findSubscription(link: Link, subscription: string): Promise<Subscription | null> {
  const name = subscriptionName(link, subscription);
  const found = await unless(STATUS.notFound, `subscription ${name}`, () =>
    link.subscriber.getSubscription({ subscription: name }, ONCE),
  );
  return found?.[0] ?? null;
}

/** Makes what is missing, and leaves alone what is there. Two processes may do it at once. */
export async function declare(link: Link, topology: Topology): Promise<void> {
  const { topic, subscription, dead_letter_topic: dead } = topology;
  if (dead !== null) {
    await makeTopic(link, dead);
    await makeSubscription(link, dead, { topic: topicName(link, dead), expirationPolicy: {} });
  }
  await makeTopic(link, topic);
  await makeSubscription(link, subscription, subscriptionConfig(link, topology));
}

/** The subscriptions first: a subscription whose topic is gone can never be given another. */
export async function remove(link: Link, topology: Topology): Promise<void> {
  const { topic, subscription, dead_letter_topic: dead } = topology;
  for (const each of [subscription, ...(dead === null ? [] : [dead])]) {
    const name = subscriptionName(link, each);
    await unless(STATUS.notFound, `subscription ${name}`, () =>
      link.subscriber.deleteSubscription({ subscription: name }, ONCE),
    );
  }
  for (const each of [topic, ...(dead === null ? [] : [dead])]) {
    const name = topicName(link, each);
    await unless(STATUS.notFound, `topic ${name}`, () => link.publisher.deleteTopic({ topic: name }, ONCE));
  }
}

/** What infrastructure code has to make of the subscription. */
function wantedOf(topology: Topology): string {
  const { topic, ack_deadline, ordering, exactly_once, retention, dead_letter_topic: dead } = topology;
  return [
    `of topic ${topic}`,
    'pull',
    'expiration never',
    `ack deadline ${ack_deadline / 1_000} s`,
    `retention ${retention / 1_000} s`,
    ...(ordering ? ['message ordering'] : []),
    ...(exactly_once ? ['exactly-once delivery'] : []),
    ...(dead === null ? [] : [`dead-letter topic ${dead}`]),
  ].join(', ');
}

/** The first thing by which a subscription that is there would lose events, or is another than azud.yaml asks; and the remedy. */
function differenceOf(link: Link, topology: Topology, found: Subscription): string | null {
  const update = (flag: string) => `run gcloud pubsub subscriptions update ${topology.subscription} ${flag}`;
  const anew = 'that cannot be changed, so name another in broker.subscription';
  const topic = topicName(link, topology.topic);
  const dead = topology.dead_letter_topic;
  if (isDetached(found)) return `has lost its topic: ${anew}, or remove it`;
  if (found.topic !== topic) return `belongs to ${found.topic}, not to ${topic}: ${anew}`;
  if (found.filter) return `has a filter, and drops the events that do not pass it: ${anew}`;
  if (found.pushConfig?.pushEndpoint || found.bigqueryConfig || found.cloudStorageConfig) {
    return 'gives its messages to somebody else: make it a pull subscription, or name another in broker.subscription';
  }
  if (found.expirationPolicy?.ttl) {
    return `expires when no loader runs, with what waits in it: ${update('--expiration-period=never')}`;
  }
  if (topology.ordering && !found.enableMessageOrdering) {
    return `keeps no order, and broker.ordering is true: ${anew}`;
  }
  if (topology.exactly_once && !found.enableExactlyOnceDelivery) {
    return `delivers at least once, and broker.exactly_once is true: ${update('--enable-exactly-once-delivery')}`;
  }
  if (dead !== null && found.deadLetterPolicy?.deadLetterTopic !== topicName(link, dead)) {
    return `does not use the dead-letter topic ${dead}: ${update(`--dead-letter-topic=${dead}`)}`;
  }
  return null;
}

function isDetached({ topic, detached }: Subscription): boolean {
  return topic === DELETED_TOPIC || detached === true;
}

/** @throws AzudError `topic-missing` when the subscription has lost its topic */
export function attached(found: Subscription): void {
  if (!isDetached(found)) return;
  throw topicMissing(
    `the topic of subscription ${found.name}`,
    'it was deleted or detached; remove the subscription too',
  );
}

/** Nothing in it ages out before `retention`, and it stays when nobody listens. */
function subscriptionConfig(link: Link, topology: Topology): Subscription {
  const { dead_letter_topic: dead, max_delivery_attempts: maxDeliveryAttempts } = topology;
  return {
    topic: topicName(link, topology.topic),
    ackDeadlineSeconds: Math.ceil(topology.ack_deadline / 1_000),
    messageRetentionDuration: { seconds: Math.ceil(topology.retention / 1_000) },
    expirationPolicy: {},
    enableMessageOrdering: topology.ordering,
    enableExactlyOnceDelivery: topology.exactly_once,
    ...(dead !== null && { deadLetterPolicy: { deadLetterTopic: topicName(link, dead), maxDeliveryAttempts } }),
  };
}

async function hasTopic(link: Link, topic: string): Promise<boolean> {
  const name = topicName(link, topic);
  const found = await unless(STATUS.notFound, `topic ${name}`, () => link.publisher.getTopic({ topic: name }, ONCE));
  return found !== null;
}

async function makeTopic(link: Link, topic: string): Promise<void> {
  const name = topicName(link, topic);
  if (await hasTopic(link, topic)) return;
  await unless(STATUS.alreadyExists, `topic ${name}`, () => link.publisher.createTopic({ name }, ONCE));
}

async function makeSubscription(link: Link, subscription: string, config: Subscription): Promise<void> {
  const name = subscriptionName(link, subscription);
  if (await findSubscription(link, subscription)) return;
  await unless(STATUS.alreadyExists, `subscription ${name}`, () =>
    link.subscriber.createSubscription({ ...config, name }, ONCE),
  );
}

/** What the call answers; null when it fails with that status, which is then no failure. */
async function unless<T>(status: number, where: string, call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (statusOf(error) === status) return null;
    if (statusOf(error) === STATUS.invalidArgument) throw refusedSetting(where, error);
    throw classified(error, where);
  }
}
