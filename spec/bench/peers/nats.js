// nats.js in its own idiom: promises of publishes, and an iterator over a consumer's messages.
// usage: nats.js publish|consume URL COUNT
const { connect } = require("nats");

const [mode, url, number] = process.argv.slice(2);
const count = Number(number), WINDOW = 256;

async function publish(jetstream) {
  let waiting = [];
  const data = Buffer.alloc(100, "x");
  for (let i = 1; i <= count; i++) {
    data.write(String(i));
    waiting.push(jetstream.publish("BENCH.a", Buffer.from(data), { msgID: `${process.pid}.${i}` }));
    if (waiting.length === WINDOW) {
      await Promise.all(waiting);
      waiting = [];
    }
  }
  await Promise.all(waiting);
}

async function consume(jetstream) {
  const consumer = await jetstream.consumers.get("BENCH", "c");
  let had = 0, sum = 0;
  for await (const message of await consumer.consume({ max_messages: 64 })) {
    for (const byte of message.data) sum += byte;
    message.ack();
    if (++had === count) break;
  }
}

async function main() {
  const link = await connect({ servers: url });
  const cpu = process.cpuUsage(), wall = process.hrtime.bigint();
  await (mode === "publish" ? publish : consume)(link.jetstream());
  await link.flush();
  const used = process.cpuUsage(cpu);
  console.log(`cpu_ns=${((used.user + used.system) * 1e3 / count).toFixed(0)} ` +
    `wall_ns=${(Number(process.hrtime.bigint() - wall) / count).toFixed(0)}`);
  process.exit(0);
}

main();
