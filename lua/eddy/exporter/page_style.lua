-- How the page for people looks, in light and dark.
return [==[
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --line: #e2e5ea; --grid: #eceef2;
  --text: #1b2330; --dim: #626d7e; --accent: #1668c7;
  --in: #1668c7; --out: #c2540a; --p50: #7a5bd0; --p99: #b3266b; --lag: #0b7f73;
  --good: #15803d; --good-ground: #e3f5e8; --bad: #b42318; --bad-ground: #fdeae7;
  --wait: #9a6700; --wait-ground: #fdf3d7; --gone: #626d7e; --gone-ground: #eceef2;
  --row: #f1f5fb; --shadow: 0 1px 2px rgba(20, 30, 50, .06);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f141b; --card: #171e28; --line: #2a3442; --grid: #222b37;
    --text: #e6ebf2; --dim: #93a0b2; --accent: #6cb0ff;
    --in: #5aa9ff; --out: #ff9a4d; --p50: #b79cff; --p99: #ff7ab2; --lag: #3fd0bf;
    --good: #5fd38a; --good-ground: #14301f; --bad: #ff8b7e; --bad-ground: #3b1a18;
    --wait: #f0c14b; --wait-ground: #35290c; --gone: #93a0b2; --gone-ground: #222b37;
    --row: #1d2734; --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main, header { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header { display: flex; align-items: baseline; gap: 14px; padding-top: 22px; }
h1 { font-size: 22px; letter-spacing: -.02em; margin: 0; }
h2 { font-size: 15px; margin: 26px 0 10px; display: flex; gap: 10px; align-items: center; }
h2 small { font-weight: 400; color: var(--dim); font-size: 13px; }
#summary { color: var(--dim); flex: 1; }
#live { color: var(--dim); font-size: 13px; }
#live::before {
  content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%;
  background: var(--good); margin-right: 7px;
}
#live.lost { color: var(--bad); }
#live.lost::before { background: var(--bad); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 14px; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  box-shadow: var(--shadow); overflow: hidden;
}
.plots .card { padding: 12px 14px 10px; overflow: visible; }
.plot-head { display: flex; justify-content: space-between; gap: 10px; margin-bottom: 6px; }
.plot-head b { font-weight: 600; }
.legend { color: var(--dim); font-size: 13px; white-space: nowrap; }
.legend i {
  display: inline-block; width: 10px; height: 3px; border-radius: 2px; margin: 0 5px 3px 10px;
}
.legend span { color: var(--text); }
.plot { position: relative; height: 130px; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot .y { position: absolute; left: 0; font-size: 11px; color: var(--dim);
  transform: translateY(-100%); pointer-events: none; }
.plot .tip {
  position: absolute; top: 4px; padding: 3px 8px; font-size: 12px; border-radius: 6px;
  background: var(--text); color: var(--card); white-space: nowrap; pointer-events: none;
}
.times { display: flex; justify-content: space-between; font-size: 11px; color: var(--dim); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 7px 12px; text-align: left; white-space: nowrap; }
th { font-weight: 500; color: var(--dim); font-size: 12px; border-bottom: 1px solid var(--line); }
td { border-bottom: 1px solid var(--grid); }
tr:last-child td { border-bottom: 0; }
th.n, td.n { text-align: right; }
td.name { max-width: 280px; overflow: hidden; text-overflow: ellipsis; font-weight: 500; }
td.wide { max-width: 420px; overflow: hidden; text-overflow: ellipsis; }
td.alarm { color: var(--bad); font-weight: 600; }
td.dim, .dim { color: var(--dim); }
#processes tbody tr { cursor: pointer; }
#processes tbody tr:hover { background: var(--row); }
#processes tbody tr.chosen { background: var(--row); box-shadow: inset 3px 0 var(--accent); }
tr:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
.pill {
  display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 12px;
  max-width: 270px; overflow: hidden; text-overflow: ellipsis; vertical-align: middle;
  font-weight: 500; color: var(--gone); background: var(--gone-ground);
}
.pill.running { color: var(--good); background: var(--good-ground); }
.pill.hangs, .pill.died { color: var(--bad); background: var(--bad-ground); }
.pill.stopped, .pill.loading { color: var(--wait); background: var(--wait-ground); }
.spark { width: 110px; height: 24px; display: block; }
.note { padding: 9px 14px; border-radius: 8px; margin: 0 0 12px; }
.note.bad { color: var(--bad); background: var(--bad-ground); }
.note.gone { color: var(--gone); background: var(--gone-ground); }
.empty { padding: 34px; text-align: center; color: var(--dim); }
.empty code { color: var(--text); }
footer { max-width: 1180px; margin: 26px auto 30px; padding: 0 20px; color: var(--dim);
  font-size: 13px; }
a { color: var(--accent); }
[hidden] { display: none !important; }
]==]
