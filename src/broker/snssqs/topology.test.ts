import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { ListSubscriptionsByTopicCommand, SetSubscriptionAttributesCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { FAUXQS_ACCESS, Fauxqs } from '../../../test/support/fauxqs.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { uuidV7 } from '../../event/ids.ts';
import { systemClock } from '../../lib/clock.ts';
import { refuseDifferent, refuseMissing } from '../topology.ts';
import { Aws, type Call } from './aws.ts';
import { type QueueFacts, queueFacts } from './queue.ts';
import { declare, exists, plan, remove, type Topology } from './topology.ts';

let server: Fauxqs;
let aws: Aws;
let topology: Topology & { readonly topic: string };

before(async () => {
  server = await Fauxqs.start();
  aws = new Aws({ ...FAUXQS_ACCESS, endpoint: server.endpoint, topic_endpoint: null, session_token: null });
  await aws.open();
});
after(async () => {
  aws.close();
  await server.stop();
});
beforeEach(() => {
  const name = `azud_test_${uuidV7(systemClock.now())}`;
  topology = { queue: name, topic: `${name}_topic`, delivery_limit: 7, visibility_seconds: 33 };
});

const ask = <Answer>(act: Call<Answer>) => aws.call(act, { about: 'the test' });
const states = async (of: Topology) => (await plan(aws, of)).map(({ state }) => state).join(' ');
const createQueue = (Attributes: QueueFacts['attributes'] = {}) =>
  ask(({ sqs }, options) => sqs.send(new CreateQueueCommand({ QueueName: topology.queue, Attributes }), options));

async function queue(name = topology.queue): Promise<QueueFacts> {
  return (await queueFacts(aws, name)) ?? assert.fail(`there is no queue ${name}`);
}

async function changeSubscription(AttributeName: string, AttributeValue: string): Promise<void> {
  const { found } = await exists(aws, topology);
  const list = new ListSubscriptionsByTopicCommand({ TopicArn: found?.topicArn ?? '' });
  const { Subscriptions = [] } = await ask(({ sns }, options) => sns.send(list, options));
  const SubscriptionArn = Subscriptions[0]?.SubscriptionArn;
  const set = new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue });
  await ask(({ sns }, options) => sns.send(set, options));
}

describe('the topology of snssqs', () => {
  test('is made whole, by two processes at once, and found whole', async () => {
    assert.equal(await states(topology), 'missing missing missing missing missing');
    await Promise.all([declare(aws, topology), declare(aws, topology)]);
    assert.equal(await states(topology), 'exists exists exists exists exists');
    const { attributes } = await queue();
    const dead = await queue(`${topology.queue}_dead`);
    assert.deepEqual(JSON.parse(attributes.RedrivePolicy ?? ''), { deadLetterTargetArn: dead.arn, maxReceiveCount: 7 });
    assert.equal(attributes.VisibilityTimeout, '33');
    for (const { MessageRetentionPeriod, Policy } of [attributes, dead.attributes]) {
      assert.equal(MessageRetentionPeriod, '1209600');
      assert.match(Policy ?? '', new RegExp(`sns\\.amazonaws\\.com.*:sns:us-east-1:.*:${topology.topic}"`));
    }
    await remove(aws, topology);
    assert.equal(await states(topology), 'missing missing missing missing missing');
    await remove(aws, topology);
  });

  test('without a topic is the queue and its dead-letter queue', async () => {
    const plain = { ...topology, topic: null };
    assert.equal(await states(plain), 'missing missing');
    await declare(aws, plain);
    assert.equal(await states(plain), 'exists exists');
    assert.equal((await exists(aws, plain)).found?.topicArn, null);
    await remove(aws, plain);
  });

  test('of a FIFO queue is FIFO throughout', async () => {
    const fifo = { ...topology, queue: `${topology.queue}.fifo`, topic: `${topology.topic}.fifo` };
    await declare(aws, fifo);
    assert.equal((await queue(fifo.queue)).attributes.FifoQueue, 'true');
    assert.equal((await queue(`${topology.queue}_dead.fifo`)).attributes.FifoQueue, 'true');
    assert.equal(await states(fifo), 'exists exists exists exists exists');
    await remove(aws, fifo);
  });

  test('names the queue in every part, also before there is one', async () => {
    const [, , topic, policy] = await plan(aws, topology);
    assert.equal(topic?.detail, `before queue ${topology.queue}`);
    assert.equal(policy?.what, `policy of queue ${topology.queue}`);
  });

  test('names what is missing, with what it has to be', async () => {
    await createQueue();
    assert.equal(await states(topology), 'exists missing missing missing missing');
    const parts = await plan(aws, topology);
    assert.throws(
      () => refuseMissing(parts),
      (error) => {
        assert.ok(isAzudError(error, 'topic-missing'));
        const said = `${error.message} ${error.hint}`;
        for (const words of [
          `no queue ${topology.queue}_dead (dead letters of ${topology.queue} after 7 receives, by its RedrivePolicy)`,
          `no topic ${topology.topic} (before queue ${topology.queue})`,
          `no policy of queue ${topology.queue} (lets topic ${topology.topic} send to it)`,
          `no subscription of queue ${topology.queue} to topic ${topology.topic} (RawMessageDelivery true, no FilterPolicy)`,
          'azud topology apply',
        ]) {
          assert.ok(said.includes(words), `${words} in ${said}`);
        }
        return true;
      },
    );
    await remove(aws, topology);
  });

  test('leaves what is there as it is, and adds to it', async () => {
    await createQueue({ VisibilityTimeout: '44', MessageRetentionPeriod: '345600' });
    const { url, arn } = await queue();
    const mine = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sqs:ReceiveMessage', Resource: arn };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [mine] });
    await ask(({ sqs }, options) =>
      sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { Policy } }), options),
    );
    await declare(aws, topology);
    assert.equal(await states(topology), 'exists exists exists exists exists');
    const { attributes } = await queue();
    assert.equal(attributes.VisibilityTimeout, '44');
    assert.equal(attributes.MessageRetentionPeriod, '345600');
    const { Statement } = JSON.parse(attributes.Policy ?? '') as { Statement: object[] };
    assert.deepEqual(Statement[0], mine);
    assert.equal(Statement.length, 2);
    await remove(aws, topology);
  });

  test('respects a dead-letter queue of another name', async () => {
    const other = { ...topology, queue: `${topology.queue}_other`, topic: null };
    await declare(aws, other);
    const { arn } = await queue(other.queue);
    await createQueue({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 3 }) });
    await declare(aws, topology);
    assert.equal(await states(topology), 'exists exists exists exists exists');
    assert.equal(await queueFacts(aws, `${topology.queue}_dead`), null);
    assert.match((await queue()).attributes.RedrivePolicy ?? '', /_other.*3/);
    await remove(aws, topology);
    await remove(aws, other);
  });

  test('that would lose events is refused: wrapped, filtered, or soon forgotten', async () => {
    await declare(aws, topology);
    const refused = async (words: RegExp) => {
      const parts = await plan(aws, topology);
      assert.throws(
        () => refuseDifferent(parts, ''),
        (error) => isAzudError(error, 'unsafe-setting') && words.test(error.message),
      );
    };
    await changeSubscription('FilterPolicy', '{"dataset":["orders"]}');
    await refused(/subscription of queue .* drops acknowledged events .*remove its FilterPolicy/);
    await changeSubscription('RawMessageDelivery', 'false');
    await refused(/subscription of queue .* wraps each message .*RawMessageDelivery true/);
    const { url } = await queue();
    const forget = new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { MessageRetentionPeriod: '3600' } });
    await ask(({ sqs }, options) => sqs.send(forget, options));
    await refused(/queue .* removes messages after 3600 s, stored or not: set MessageRetentionPeriod 1209600/);
    await remove(aws, topology);
  });
});
