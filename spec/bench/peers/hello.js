// The first line of Node.js, and its memory.
console.log("hello");
const status = require("fs").readFileSync("/proc/self/status", "utf8");
console.log(`rss_mib=${(status.match(/VmRSS:\s*(\d+) kB/)[1] / 1024).toFixed(2)}`);
