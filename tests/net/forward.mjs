// Run in the node's namespace: takes TCP connections from the far side and hands them to the gateway's
// loopback port, since plain HTTP is for loopback only. What passes here is the kernel's TCP over the
// very interface that the gateway takes its media from.
//
//     node forward.mjs LISTEN_ADDRESS LISTEN_PORT TO_PORT

import { connect, createServer } from 'node:net';

const [address, port, to] = process.argv.slice(2);

createServer((front) => {
  const back = connect(Number(to), '127.0.0.1');
  for (const [one, other] of [[front, back], [back, front]]) {
    one.pipe(other);
    one.on('error', () => other.destroy());
  }
}).listen(Number(port), address, () => console.log('ready'));
