import type { FollowerView } from './protocol.ts';

export interface FollowerStanding {
  /** This pod. */
  readonly pod: string;
  /** Identity of the process that leads, if known, as the Lease says. */
  readonly leader: string | undefined;
  /** Why this one does not lead; a clause. */
  readonly waitingFor: string;
  readonly namespace: string;
  /** Of the page. */
  readonly port: number;
}

/** The name of a pod. Whoever may write the Lease can name any identity, and this one goes into a command. */
const podName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

export function followerView({ pod, leader, waitingFor, namespace, port }: FollowerStanding): FollowerView {
  const view = { following: true, pod, why: waitingFor } as const;
  if (leader === undefined || !podName.test(leader)) return view;
  return { ...view, leader, command: `kubectl -n ${namespace} port-forward pod/${leader} ${port}:${port}` };
}

/** The page of a follower: who leads, and how to get there. It is asked for again, and becomes the page of this process when it leads. */
export function followerPage({ pod, leader, why, command }: FollowerView): string {
  const who = leader === undefined ? '' : `<p>Pod <strong>${leader}</strong> leads. See its page:</p>`;
  const how = command === undefined ? '' : `<pre>${command}</pre>`;
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta http-equiv="refresh" content="5" />
    <title>kube-lego follows</title>
    <link rel="icon" href="/page/icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="/page/styles/theme.css" />
  </head>
  <body>
    <main class="follower">
      <h1>This replica follows</h1>
      <p>Pod <strong>${escaped(pod)}</strong> answers challenges and is ready to take over: ${escaped(why)}.</p>
      ${who}
      ${how}
    </main>
  </body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
