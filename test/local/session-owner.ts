import { startCluster } from '../../deploy/local/cluster.ts';
import { startSession } from '../../deploy/local/session.ts';

// A program that owns a session and never stops it, to be ended in all kinds of ways.
const session = await startSession();
session.spawn({
  name: 'family',
  command: '/bin/sh',
  args: ['-c', `tail -f "${session.directory}/family.log" & wait`],
  environment: process.env,
});
if (process.argv[2] === 'cluster') await startCluster({ session });
process.stdout.write(`${session.directory}\n`);
process.stdin.once('data', () => {
  throw new Error('This is the failure of the test');
});
