import type { TestContext } from 'node:test';
import { createWebSocketReceiver } from '@statelyai/inspect';
import { recordField, stringField } from '../../src/process/json.ts';

/** What a receiver of @statelyai/inspect gets from this server, as it comes, until the test ends. */
export function receive(t: TestContext, server: string): object[] {
  const frames: object[] = [];
  const NativeWebSocket = globalThis.WebSocket;
  const opened: WebSocket[] = [];
  // A receiver cannot be closed.
  t.mock.method(globalThis, 'WebSocket', function open(address: string) {
    const socket = new NativeWebSocket(address);
    opened.push(socket);
    return socket;
  });
  createWebSocketReceiver({ server }).subscribe((event) => frames.push(event));
  t.after(() => {
    for (const socket of opened) socket.close();
  });
  return frames;
}

/** The states that an actor went through, by the frames. */
export function valuesIn(frames: readonly object[], sessionId: string): unknown[] {
  return frames
    .filter((frame) => stringField(frame, 'type') === '@xstate.snapshot')
    .filter((frame) => stringField(frame, 'sessionId') === sessionId)
    .map((frame) => recordField(frame, 'snapshot')?.['value'])
    .filter((value, index, values) => value !== values[index - 1]);
}
