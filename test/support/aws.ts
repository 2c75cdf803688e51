import type { Aws, Clients } from '../../src/broker/snssqs/aws.ts';

export interface SentEntry {
  readonly Id: string;
  readonly MessageBody?: string;
  readonly Message?: string;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
  readonly ReceiptHandle?: string;
  readonly VisibilityTimeout?: number;
}

/** What the tests look at in the input of a command. */
export interface SentInput {
  readonly Entries?: readonly SentEntry[];
  readonly PublishBatchRequestEntries?: readonly SentEntry[];
  readonly MaxNumberOfMessages?: number;
  readonly NextToken?: string;
}

/** A command, by the name of its class. */
export interface SentCommand {
  readonly name: string;
  readonly input: SentInput;
}

/** An AWS that answers as the test says, and remembers what it was asked. */
export class ScriptedAws implements Pick<Aws, 'call' | 'where'> {
  readonly where = 'the script';
  readonly sent: SentCommand[] = [];
  readonly #answer: (command: SentCommand) => unknown;

  constructor(answer: (command: SentCommand) => unknown) {
    this.#answer = answer;
  }

  readonly call: Aws['call'] = (act) => {
    const send = async (command: { readonly input: SentInput }) => {
      const sent = { name: command.constructor.name, input: command.input };
      this.sent.push(sent);
      return this.#answer(sent);
    };
    const clients = { sqs: { send }, sns: { send } } as unknown as Clients;
    return act(clients, { abortSignal: new AbortController().signal });
  };

  /** Inputs of the commands of one kind, in the order of sending. */
  inputs(name: string): SentInput[] {
    return this.sent.filter((each) => each.name === name).map(({ input }) => input);
  }
}
