// zeromq.js in its own idiom: an async iterator, in one process.
// usage: zeromq.js receive COUNT | rep COUNT
const zmq = require("zeromq");

const [mode, number] = process.argv.slice(2);
const count = Number(number);

function tell(begun) {
  const cpu = process.cpuUsage(begun.cpu);
  const wall = process.hrtime.bigint() - begun.wall;
  console.log(`cpu_ns=${((cpu.user + cpu.system) * 1e3 / count).toFixed(1)} ` +
    `wall_ns=${(Number(wall) / count).toFixed(1)}`);
}

async function main() {
  const socket = mode === "receive" ? new zmq.Pull() : new zmq.Reply();
  await socket.bind("tcp://127.0.0.1:*");
  console.log(socket.lastEndpoint);
  let begun, had = 0;
  for await (const parts of socket) {
    begun = begun || { cpu: process.cpuUsage(), wall: process.hrtime.bigint() };
    if (mode === "rep") await socket.send(parts);
    if (++had === count) break;
  }
  tell(begun);
  process.exit(0);
}

main();
