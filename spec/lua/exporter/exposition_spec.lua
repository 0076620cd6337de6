local collectors = require "eddy.exporter.collector"
local exposition = require "eddy.exporter.exposition"
local ffi = require "ffi"
local C = require("eddy.base.libeddy").C
local full = require "spec.support.full"
local processes = require "eddy.exporter.processes"
local reader = require "eddy.counters.reader"
local status = require "eddy.counters.status"
local zmq = require "eddy.zmq"

describe("the text of eddy metrics", function()
  -- An entry as the list of processes has it, of a page with a loop, a stream, and metrics.
  local function make(pid, worker)
    local page = ffi.new [[struct { eddy_page head; eddy_page_loop loop;
      eddy_page_stream stream; eddy_page_metric metrics[2]; }]]
    page.head = { magic = "eddypage", version = 1, head = ffi.sizeof "eddy_page",
      size = ffi.sizeof(page), pid = pid, worker = worker or -1, started = pid, generation = 3,
      eddy = "1.2.3", command = "broker.lua", allowed = 4 }
    page.loop.record = { C.EDDY_PAGE_LOOP, ffi.sizeof "eddy_page_loop", 1 }
    page.loop.turns, page.loop.state = 7, C.EDDY_PAGE_WAITS
    page.stream.record = { C.EDDY_PAGE_STREAM, ffi.sizeof "eddy_page_stream", 2 }
    page.stream.loop, page.stream.type, page.stream.name = 1, zmq.PULL, 'a"b'
    page.stream.stats.messages_in, page.stream.stats.dropped = 10, 3
    page.stream.dropped_oldest, page.stream.handling.total = 2, 500
    page.stream.handling.buckets[4], page.stream.handling.buckets[31] = 6, 1 -- <= 1 us, > 67 s
    for i = 0, 1 do
      local metric = page.metrics[i]
      metric.record = { C.EDDY_PAGE_METRIC, ffi.sizeof "eddy_page_metric", 3 + i }
      metric.type, metric.value, metric.help = 3 - 2 * i, 5, "Some\\thing."
      metric.name, metric.labels = i == 1 and "jobs_total" or "sizes", 'kind="x"'
    end
    page.metrics[0].bound_count, page.metrics[0].bounds[0] = 1, 10
    page.metrics[0].buckets[0], page.metrics[0].buckets[1] = 2, 1
    return page
  end

  local function entry_of(page)
    local read = reader.read(ffi.string(page, ffi.sizeof(page)))
    local process = { state = "S", cpu = 1500, memory = 4096, descriptors = 9,
      most_descriptors = 1024 }
    return read and { pid = page.head.pid, page = read, process = process, clock = 0,
      status = status.of(read, process, 0) }
  end

  local collector
  before_each(function() collector = collectors.new() end)

  local function text_of(entries, way, is_open)
    local families = processes.families(collector, entries, way or "command", 0,
      { "version", "1" })
    return exposition.write(families, is_open)
  end

  local function has(text, line)
    local found = ("\n" .. text):find("\n" .. line .. "\n", 1, true)
    assert.message(line .. "\n" .. text).is_truthy(found)
  end

  it("has what a page has", function()
    local text = text_of { entry_of(make(1)) }
    for line in ([[
# HELP eddy_loop_turns_total Turns of loops.
# TYPE eddy_loop_turns_total counter
eddy_loop_turns_total{process="broker.lua"} 7
eddy_build_info{version="1"} 1
eddy_stream_messages_total{process="broker.lua",stream="a\"b",direction="in"} 10
eddy_stream_dropped_total{process="broker.lua",stream="a\"b",reason="oldest"} 2
eddy_stream_dropped_total{process="broker.lua",stream="a\"b",reason="other"} 1
eddy_handler_seconds_bucket{process="broker.lua",stream="a\"b",le="1e-06"} 6
eddy_handler_seconds_bucket{process="broker.lua",stream="a\"b",le="67.108864"} 6
eddy_handler_seconds_bucket{process="broker.lua",stream="a\"b",le="+Inf"} 7
eddy_handler_seconds_sum{process="broker.lua",stream="a\"b"} 0.5
eddy_handler_seconds_count{process="broker.lua",stream="a\"b"} 7
eddy_processes{process="broker.lua",status="running"} 1
eddy_auth_total{process="broker.lua",result="allowed"} 4
eddy_generation{process="broker.lua"} 3
process_cpu_seconds_total{process="broker.lua"} 1.5
process_max_fds{process="broker.lua"} 1024
# HELP jobs_total Some\\thing.
jobs_total{process="broker.lua",kind="x"} 5
sizes_bucket{process="broker.lua",kind="x",le="10.0"} 2
sizes_bucket{process="broker.lua",kind="x",le="+Inf"} 3
sizes_sum{process="broker.lua",kind="x"} 5]]):gmatch "[^\n]+" do
      has(text, line)
    end
    assert.is_nil(text:find("EOF", 1, true))
    assert.equal("\n", text:sub(-1))
  end)

  it("is OpenMetrics' where that is wanted", function()
    local text = text_of({ entry_of(make(1)) }, nil, true)
    has(text, "# TYPE eddy_loop_turns counter")
    has(text, 'eddy_loop_turns_total{process="broker.lua"} 7')
    assert.equal("\n# EOF\n", text:sub(-7))
    for accept, wanted in pairs {
      [""] = false, ["*/*"] = false, ["text/plain"] = false,
      ["application/openmetrics-text"] = true,
      ["application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9"] = false,
      ["application/openmetrics-text; version=1.0.0, text/plain;version=0.0.4;q=0.5"] = true,
      ["application/openmetrics-text;q=0, */*"] = false,
      ["application/openmetrics-text;version=2.0.0,text/plain"] = false,
    } do
      assert.message(accept).equal(wanted, exposition.wants_open(accept))
    end
  end)

  it("sums workers, or has them apart", function()
    local entries = { entry_of(make(1, 0)), entry_of(make(2, 1)) }
    local text = text_of(entries)
    has(text, 'jobs_total{process="broker.lua",kind="x"} 10')
    has(text, 'process_resident_memory_bytes{process="broker.lua"} 8192')
    has(text, 'process_max_fds{process="broker.lua"} 1024')
    collector = collectors.new()
    has(text_of(entries, "worker"), 'jobs_total{process="broker.lua",worker="1",kind="x"} 5')
    collector = collectors.new()
    has(text_of(entries, "pid"), 'jobs_total{process="broker.lua",worker="0",pid="1",kind="x"} 5')
  end)

  it("counts on when a worker ends", function()
    text_of { entry_of(make(1, 0)), entry_of(make(2, 1)) }
    local text = text_of { entry_of(make(1, 0)), entry_of(make(3, 1)) }
    has(text, 'jobs_total{process="broker.lua",kind="x"} 15')
    has(text, 'sizes_count{process="broker.lua",kind="x"} 9')
  end)

  it("leaves out what makes no sense, and says how much", function()
    for _, change in ipairs {
      function(metric) metric.labels = 'a="b"} 1\nx' end, function(metric) metric.name = "a b" end,
      function(metric) metric.name = "eddy_tasks" end, function(metric) metric.name = "" end,
      function(metric) metric.labels = 'process="another"' end,
      function(metric) metric.name = "sizes_sum" end,
      function(metric) metric.labels = 'le="1"' end,
    } do
      local page = make(1)
      page.metrics[1].type = 2
      change(page.metrics[1])
      collector = collectors.new()
      local text = text_of { entry_of(page) }
      has(text, 'eddy_metrics_left_out{process="broker.lua"} 1')
      has(text, 'sizes_count{process="broker.lua",kind="x"} 3')
    end
  end)

  it("takes any page for what it is", function()
    local good = make(1)
    local bytes = ffi.new("char[?]", ffi.sizeof(good))
    for _ = 1, full.size(200, 20000) do
      collector = collectors.new()
      ffi.copy(bytes, good, ffi.sizeof(good))
      for _ = 1, math.random(1, 60) do
        bytes[math.random(8, ffi.sizeof(good) - 1)] = math.random(-128, 127)
      end
      local page = reader.read(ffi.string(bytes, ffi.sizeof(good)))
      if page then
        local entry = { pid = 1, page = page, clock = 0, status = status.of(page, nil, 0) }
        local text = text_of({ entry }, "pid")
        local seen = {}
        for line in text:gmatch "[^\n]+" do
          assert.message(line).is_truthy(line:find "^# %u+ [%w_:]+ " or
            line:find "^[%a_:][%w_:]* %-?%d" or line:find "^[%a_:][%w_:]*{[%a_].*\"} [%-+]?[%dI]")
          local key = line:match "^([^#].*) %S+$"
          assert.message(line).is_nil(key and seen[key])
          if key then seen[key] = true end
        end
      end
    end
  end)
end)
