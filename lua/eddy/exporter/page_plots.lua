-- The part of the page's script that draws: numbers, plots, sparklines.
return [==[
const SPAN = 120; // seconds that plots show
const SVG = "http://www.w3.org/2000/svg";

function short(value) {
  if (value === undefined || value === null) return "–";
  const units = ["", "k", "M", "G", "T"];
  let at = 0;
  while (value >= 1000 && at < 4) { value /= 1000; at++; }
  const digits = value >= 100 || value === Math.round(value) ? 0 : value >= 0.1 ? 1 : 2;
  return value.toFixed(digits) + units[at];
}
function bytes(value) {
  return value === undefined || value === null ? "–" :
    short(value).replace(/[kMGT]?$/, unit => " " + unit + "B");
}
function time(ms) {
  if (ms === undefined || ms === null) return "–";
  const [value, unit] = ms < 1e-3 ? [ms * 1e6, "ns"] : ms < 1 ? [ms * 1e3, "µs"] :
    ms < 1e3 ? [ms, "ms"] : [ms / 1e3, "s"];
  return (value >= 10 ? value.toFixed(0) : value.toFixed(1)) + " " + unit;
}
function duration(ms) {
  const s = ms / 1000;
  return s < 120 ? s.toFixed(0) + " s" : s < 7200 ? (s / 60).toFixed(0) + " min" :
    s < 172800 ? (s / 3600).toFixed(0) + " h" : (s / 86400).toFixed(0) + " d";
}

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const name in attributes || {}) {
    if (name === "class") node.className = attributes[name];
    else node.setAttribute(name, attributes[name]);
  }
  node.append(...children);
  return node;
}
function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  return node;
}

// A round number above all values.
function ceiling(most, least) {
  if (!(most > least)) return least;
  const power = 10 ** Math.floor(Math.log10(most));
  for (const step of [1, 2, 2.5, 5, 10]) if (step * power >= most) return step * power;
}

// How high values are, as shares of the plot: times on a scale by powers of ten.
const evenly = top => value => value / top;
const FLOOR = 1e-4; // ms
const byPowers = top => value =>
  value > FLOOR ? Math.log(value / FLOOR) / Math.log(top / FLOOR) : 0;

// The points of a series, with a gap where there is nothing.
function trace(history, now, pick, height, scale, width) {
  let path = "", pen = "M";
  for (const each of history) {
    const value = pick(each);
    if (value === undefined || value === null) { pen = "M"; continue; }
    const x = width * (1 - (now - each.t) / SPAN);
    path += pen + x.toFixed(1) + " " + (height * (1 - scale(value))).toFixed(1);
    pen = "L";
  }
  return path;
}

function spark(history, now, pick) {
  const svg = draw("svg", { viewBox: "0 0 110 24", class: "spark", preserveAspectRatio: "none",
    "aria-hidden": "true" });
  const top = ceiling(Math.max(0, ...history.map(pick)), 1);
  svg.append(draw("path", { d: trace(history, now, pick, 22, evenly(top), 110), fill: "none",
    stroke: "var(--in)", "stroke-width": 1.5, "vector-effect": "non-scaling-stroke",
    transform: "translate(0 1)" }));
  return svg;
}

// A plot that is made once, and drawn each second: series are { name, color, pick }.
class Plot {
  constructor(title, format, least, series) {
    Object.assign(this, { format, least, series, history: [], isTime: format === time });
    this.legend = make("div", { class: "legend" });
    this.box = make("div", { class: "plot" });
    this.svg = draw("svg", { viewBox: "0 0 600 130", preserveAspectRatio: "none", role: "img" });
    this.svg.setAttribute("aria-label", title);
    this.tip = make("div", { class: "tip", hidden: "" });
    this.labels = [0, 1].map(() => make("div", { class: "y" }));
    this.box.append(this.svg, ...this.labels, this.tip);
    this.node = make("div", { class: "card" },
      make("div", { class: "plot-head" }, make("b", {}, title), this.legend), this.box,
      make("div", { class: "times" }, make("span", {}, "2 min ago"), make("span", {}, "now")));
    this.box.addEventListener("pointermove", event => this.point(event));
    this.box.addEventListener("pointerleave", () => { this.tip.hidden = true; });
  }
  point(event) {
    const room = this.box.getBoundingClientRect(), x = event.clientX - room.left;
    const t = this.now - SPAN * (1 - x / room.width);
    let near;
    for (const each of this.history) {
      if (!near || Math.abs(each.t - t) < Math.abs(near.t - t)) near = each;
    }
    this.tip.hidden = !near;
    if (!near) return;
    this.tip.textContent = Math.round(this.now - near.t) + " s ago: " + this.series.map(
      one => one.name + " " + this.format(one.pick(near))).join(", ");
    this.tip.style.left = Math.max(0, Math.min(x - 70, room.width - this.tip.offsetWidth)) + "px";
  }
  update(history, now) {
    this.history = history;
    this.now = now;
    let most = 0;
    for (const each of history) {
      for (const one of this.series) most = Math.max(most, one.pick(each) || 0);
    }
    const top = this.isTime ? 10 ** Math.ceil(Math.log10(Math.max(most, this.least))) :
      ceiling(most, this.least);
    const scale = (this.isTime ? byPowers : evenly)(top);
    this.svg.replaceChildren();
    for (const y of [0, 65, 130]) {
      this.svg.append(draw("line", { x1: 0, x2: 600, y1: y, y2: y, stroke: "var(--grid)",
        "vector-effect": "non-scaling-stroke" }));
    }
    [top, this.isTime ? Math.sqrt(top * FLOOR) : top / 2].forEach((value, i) => {
      this.labels[i].textContent = this.format(value);
      this.labels[i].style.top = ["15px", "50%"][i];
    });
    this.legend.replaceChildren();
    for (const one of this.series) {
      const path = trace(history, now, one.pick, 130, scale, 600);
      if (path && history.length > 1) {
        const first = path.match(/^M(\S+)/)[1], last = path.match(/[ML](\S+) \S+$/)[1];
        if (!path.slice(1).includes("M")) {
          this.svg.append(draw("path", { d: path + "L" + last + " 130L" + first + " 130Z",
            fill: one.color, opacity: 0.09 }));
        }
        this.svg.append(draw("path", { d: path, fill: "none", stroke: one.color,
          "stroke-width": 2, "stroke-dasharray": one.dashes || "none",
          "stroke-linejoin": "round", "vector-effect": "non-scaling-stroke" }));
      }
      const mark = make("i");
      mark.style.background = one.color;
      const latest = history[history.length - 1];
      this.legend.append(mark, one.name + " ",
        make("span", {}, this.format(latest && one.pick(latest))));
    }
  }
}
]==]
