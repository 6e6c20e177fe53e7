// Sends COUNT datagrams to HOST PORT, each when the one before came back.
//
//     node datagrams.mjs HOST PORT COUNT

import { createSocket } from 'node:dgram';

const PATIENCE_MS = 10_000;
const [host, port, count] = process.argv.slice(2);
const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
let n = 0;

const send = () => socket.send(`datagram ${n}`, Number(port), host);

socket.on('message', (text) => {
  if (String(text) !== `datagram ${n}`) {
    console.log(`"${text}" came back, not "datagram ${n}"`);
    process.exit(1);
  }
  if (++n === Number(count)) process.exit(0);
  send();
});
setTimeout(() => {
  console.log(`${n} of ${count} came back`);
  process.exit(1);
}, PATIENCE_MS);
send();
