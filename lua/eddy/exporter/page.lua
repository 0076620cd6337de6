-- The page for people: one file, which loads nothing but data.json.
local plots = require "eddy.exporter.page_plots"
local script = require "eddy.exporter.page_script"
local style = require "eddy.exporter.page_style"

local BODY = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>eddy</title>
<link rel="icon" href="data:,">
<style>
%s</style>
</head>
<body>
<header><h1>eddy</h1><div id="summary"></div><div id="live" role="status">asking</div></header>
<main>
<div id="empty" class="card empty" hidden>No process of eddy's runs here, or none whose counters
this user may read.<br>Start one: <code>eddy script.lua</code></div>
<div id="there" hidden>
<h2>All processes</h2>
<div class="plots" id="all-plots"></div>
<h2>Processes</h2>
<div class="card scroll"><table id="processes">
<thead><tr><th>Command</th><th>State</th><th class="n">PID</th><th class="n">Up</th>
<th class="n">CPU</th><th class="n">Memory</th><th class="n">In/s</th><th class="n">Out/s</th>
<th>Last 2 min</th></tr></thead><tbody></tbody></table></div>
<section id="one" hidden>
<h2><span id="one-name"></span> <small id="one-facts"></small></h2>
<p id="note" class="note" hidden></p>
<div class="plots" id="one-plots"></div>
<h2>Streams</h2>
<div class="card scroll"><table id="streams">
<thead><tr><th>Name</th><th>Type</th><th class="n">In/s</th><th class="n">Out/s</th>
<th class="n">Messages</th><th class="n">Queued</th><th class="n">Dropped</th>
<th class="n">p50</th><th class="n">p99</th><th>Last 2 min</th></tr></thead><tbody></tbody></table>
<div id="no-streams" class="empty">It has no streams.</div></div>
<div id="own">
<h2>Its own metrics</h2>
<div class="card scroll"><table id="metrics">
<thead><tr><th>Name</th><th>Labels</th><th>Type</th><th class="n">Value</th></tr></thead>
<tbody></tbody></table></div></div>
</section>
</div>
</main>
<footer>For Prometheus: <a href="metrics">/metrics</a>
(<a href="metrics?by=worker">by worker</a>, <a href="metrics?by=pid">by pid</a>) ·
<a href="healthz">/healthz</a> · <a href="readyz">/readyz</a></footer>
<script>
"use strict";
%s</script>
</body>
</html>
]]

return BODY:format(style, plots .. script)
