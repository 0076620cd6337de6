-- The part of the page's script that asks each second and fills the page.
return [==[
const histories = new Map();
const byId = id => document.getElementById(id);
let chosen = decodeURIComponent(location.hash.slice(1)), answered = 0;

function remember(key, point, now) {
  const list = histories.get(key) || [];
  histories.set(key, list);
  list.push(point);
  while (list.length > 0 && list[0].t < now - SPAN - 2) list.shift();
  return list;
}
function forget(now) {
  for (const [key, list] of histories) {
    if (list[list.length - 1].t < now - SPAN) histories.delete(key);
  }
}
const sum = (list, pick) => list.reduce((all, each) => all + (pick(each) || 0), 0);
const worst = (list, pick) => list.reduce((most, each) => {
  const value = pick(each);
  return value === undefined || value === null ? most : Math.max(most ?? 0, value);
}, undefined);

// What plots show of some streams.
function point(now, streams, lag) {
  const moving = streams.filter(s => s.rates.messages_in > 0);
  return { t: now, in: sum(streams, s => s.rates.messages_in),
    out: sum(streams, s => s.rates.messages_out), queued: sum(streams, s => s.queued),
    dropped: sum(streams, s => s.rates.dropped), p50: worst(moving, s => s.handling.p50),
    p99: worst(moving, s => s.handling.p99), lag };
}

function plots() {
  return [
    new Plot("Messages a second", short, 10, [
      { name: "in", color: "var(--in)", pick: p => p.in },
      { name: "out", color: "var(--out)", pick: p => p.out, dashes: "6 3" }]),
    new Plot("Handlers, the slowest stream", time, 0.01, [
      { name: "p50", color: "var(--p50)", pick: p => p.p50 },
      { name: "p99", color: "var(--p99)", pick: p => p.p99 }]),
    new Plot("Queued messages", short, 10, [
      { name: "queued", color: "var(--out)", pick: p => p.queued }]),
    new Plot("Loop lag", time, 0.01, [
      { name: "p99", color: "var(--lag)", pick: p => p.lag }]),
  ];
}
const everything = plots(), ofOne = plots();
byId("all-plots").append(everything[0].node, everything[1].node);
byId("one-plots").append(...ofOne.map(plot => plot.node));

// Fills a table: cells are [class, content].
function fill(table, rows, decorate) {
  const body = table.tBodies[0];
  body.replaceChildren(...rows.map((cells, at) => {
    const row = make("tr", {}, ...cells.map(([kind, content]) =>
      make("td", { class: kind }, content instanceof Node ? content : String(content))));
    row.cells[0].title = row.cells[0].textContent;
    if (decorate) decorate(row, at);
    return row;
  }));
}
function pill(status) {
  return make("span", { class: "pill " + status.word, title: status.text }, status.text);
}
function title(process) {
  return process.command + (process.worker === undefined ? "" : " [worker " + process.worker + "]");
}
const isGone = process => process.status.word === "ended" || process.status.word === "died";

function choose(id) {
  chosen = id;
  history.replaceState(null, "", "#" + encodeURIComponent(id));
  if (latest) show(latest);
}

function showProcesses(list, now) {
  fill(byId("processes"), list.map(p => {
    const at = histories.get(p.id), last = at[at.length - 1];
    return [["name", title(p)], ["", pill(p.status)], ["n dim", p.pid],
      ["n", isGone(p) || p.uptime === undefined ? "–" : duration(p.uptime)],
      ["n", isGone(p) ? "–" : (p.cpu * 100).toFixed(0) + " %"], ["n", bytes(p.memory)],
      ["n", short(last.in)], ["n", short(last.out)], ["", spark(at, now, x => x.in + x.out)]];
  }), (row, at) => {
    const id = list[at].id;
    row.tabIndex = 0;
    if (id === chosen) { row.className = "chosen"; row.setAttribute("aria-selected", "true"); }
    row.dataset.id = id;
  });
}
byId("processes").addEventListener("click", event => {
  const row = event.target.closest("tr[data-id]");
  if (row) choose(row.dataset.id);
});
byId("processes").addEventListener("keydown", event => {
  if (event.key !== "Enter" && event.key !== " " || !event.target.dataset.id) return;
  event.preventDefault();
  choose(event.target.dataset.id);
});

function note(process) {
  const word = process.status.word, node = byId("note");
  node.hidden = word === "running" || word === "loading";
  node.className = "note " + (word === "hangs" || word === "died" ? "bad" : "gone");
  node.textContent = word === "hangs" ? "It " + process.status.text +
    ": no other message, timer or signal of this loop is handled meanwhile." :
    word === "stopped" ? "It was stopped by a signal, and does nothing until it is continued." :
    "It " + process.status.text + ". This is what its counters were.";
}

function showOne(process, now) {
  byId("one").hidden = !process;
  if (!process) return;
  byId("one-name").textContent = title(process);
  const facts = ["pid " + process.pid, "eddy " + process.eddy];
  if (process.generation > 1) facts.push("generation " + process.generation);
  if (!isGone(process)) {
    facts.push("Lua " + bytes(process.loop.lua_bytes), process.descriptors + " descriptors",
      "waiting " + process.loop.waiting, "timers " + process.loop.timers);
  }
  if (process.loop.errors > 0) facts.push(process.loop.errors + " errors");
  byId("one-facts").textContent = facts.join(" · ");
  note(process);
  for (const plot of ofOne) plot.update(histories.get(process.id), now);
  fill(byId("streams"), process.streams.map(s => {
    const paused = s.messages_in > 0 && !s.receiving ? " (paused)" : "";
    return [["name", s.name + paused], ["dim", s.type],
      ["n", short(s.rates.messages_in)], ["n", short(s.rates.messages_out)],
      ["n", short(s.messages_in + s.messages_out)],
      ["n", short(s.queued)], [s.rates.dropped > 0 ? "n alarm" : "n", short(s.dropped)],
      ["n", time(s.handling.p50)], ["n", time(s.handling.p99)],
      ["", spark(histories.get(process.id + "/" + s.id), now, x => x.in + x.out)]];
  }));
  byId("no-streams").hidden = process.streams.length > 0;
  byId("own").hidden = process.metrics.length === 0;
  fill(byId("metrics"), process.metrics.map(m => [["name", m.name], ["wide dim", m.labels],
    ["dim", m.type], ["n", m.type === "histogram" ? short(m.count) + ", mean " +
      (m.count > 0 ? short(m.value / m.count) : "–") : m.value.toLocaleString("en")]]));
}

let latest;
function show(data) {
  const now = data.at, list = data.processes;
  if (!list.some(p => p.id === chosen)) chosen = list.length > 0 ? list[0].id : "";
  const living = list.filter(p => !isGone(p));
  const ill = living.filter(p => p.status.word === "hangs" || p.status.word === "stopped").length;
  byId("summary").textContent = living.length + (living.length === 1 ? " process" : " processes") +
    (ill > 0 ? ", " + ill + " not well" : "");
  byId("empty").hidden = list.length > 0;
  byId("there").hidden = list.length === 0;
  const focus = document.activeElement && document.activeElement.dataset.id;
  showProcesses(list, now);
  if (focus) for (const row of document.querySelectorAll("tr[data-id]")) {
    if (row.dataset.id === focus) row.focus();
  }
  for (const plot of everything) plot.update(histories.get("all"), now);
  showOne(list.find(p => p.id === chosen), now);
}

function take(data) {
  data.at = Date.now() / 1000;
  const streams = data.processes.flatMap(p => p.streams);
  remember("all", point(data.at, streams, worst(data.processes, p => p.loop.lag.p99)), data.at);
  for (const p of data.processes) {
    remember(p.id, point(data.at, p.streams, p.loop.lag.p99), data.at);
    for (const s of p.streams) remember(p.id + "/" + s.id, point(data.at, [s]), data.at);
  }
  forget(data.at);
  latest = data;
  show(data);
}

async function ask() {
  try {
    const answer = await fetch("data.json", { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.status);
    take(await answer.json());
    answered = Date.now();
    byId("live").className = "";
    byId("live").textContent = "live";
  } catch (problem) {
    byId("live").className = "lost";
    byId("live").textContent = answered === 0 ? "eddy metrics does not answer" :
      "no answer for " + duration(Date.now() - answered);
  }
  setTimeout(ask, 1000);
}
ask();
]==]
