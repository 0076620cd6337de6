local ffi = require "ffi"
local C = require("eddy.base.libeddy").C
local full = require "spec.support.full"
local reader = require "eddy.counters.reader"
local zmq = require "eddy.zmq"

describe("eddy.counters.reader", function()
  -- A page with a loop and two streams, as an object with `bytes`.
  local function make()
    local page = ffi.new [[struct { eddy_page head; eddy_page_loop loop;
      eddy_page_stream streams[2]; eddy_page_metric metric; }]]
    page.head = { magic = "eddypage", version = 1, head = ffi.sizeof "eddy_page",
      size = ffi.sizeof(page), pid = 4711, worker = -1, generation = 3, eddy = "1.2.3",
      command = "broker.lua 5555", allowed = 4 }
    page.loop.record = { C.EDDY_PAGE_LOOP, ffi.sizeof "eddy_page_loop", 1 }
    page.loop.state, page.loop.running, page.loop.turns = C.EDDY_PAGE_HANDLES, 77, 5
    for i = 0, 1 do
      local stream = page.streams[i]
      stream.record = { C.EDDY_PAGE_STREAM, ffi.sizeof "eddy_page_stream", 2 + i }
      stream.loop, stream.id, stream.type = 1, 76 + i, zmq.PULL
      stream.stats.messages_in, stream.receiving = 10 + i, i
      stream.handling.buckets[3], stream.handling.count = 9, 9
    end
    page.streams[1].name, page.streams[0].endpoint = "jobs", "tcp://127.0.0.1:1"
    page.metric.record = { C.EDDY_PAGE_METRIC, ffi.sizeof "eddy_page_metric", 4 }
    page.metric.type, page.metric.value, page.metric.name = 2, -3, "depth"
    return page
  end

  local function bytes_of(page) return ffi.string(page, ffi.sizeof(page)) end

  it("reads what a process has written", function()
    local page = assert(reader.read(bytes_of(make())))
    assert.same({ 4711, nil, 3, "1.2.3", "broker.lua 5555", 4 }, { page.pid, page.worker,
      page.generation, page.eddy, page.command, page.auth.allowed })
    local loop, first, second = page.loops[1], page.streams[1], page.streams[2]
    assert.same({ "handles", "jobs", 5 }, { loop.state, loop.what, loop.turns })
    assert.same({ "PULL tcp://127.0.0.1:1", "PULL", 10, false },
      { first.name, first.type, first.messages_in, first.receiving })
    assert.same({ "jobs", "", 11, true },
      { second.name, second.endpoint, second.messages_in, second.receiving })
    assert.same({ 9, 9 }, { first.handling.count, first.handling.buckets[4] })
    assert.same({ "gauge", "depth", -3 },
      { page.metrics[1].type, page.metrics[1].name, page.metrics[1].value })
  end)

  it("reads streams that have counted nothing, each once", function()
    local page = ffi.new "struct { eddy_page head; eddy_page_idle idle[3]; eddy_page_stream full; }"
    page.head = { magic = "eddypage", version = 1, head = ffi.sizeof "eddy_page",
      size = ffi.sizeof(page) }
    for i = 0, 2 do
      page.idle[i].record = { C.EDDY_PAGE_IDLE, ffi.sizeof "eddy_page_idle", 7 - i }
      page.idle[i].loop, page.idle[i].id, page.idle[i].type = 1, 70 + i, zmq.PULL
    end
    page.idle[0].texts, page.idle[1].texts = "jobs\0ipc://a", ("x"):rep(16) -- without an end
    page.idle[0].receiving = 1
    page.full.record = { C.EDDY_PAGE_STREAM, ffi.sizeof "eddy_page_stream", 5 }
    page.full.name = "counts"
    local streams = assert(reader.read(bytes_of(page))).streams
    assert.equal(3, #streams)
    assert.same({ 5, "counts" }, { streams[1].number, streams[1].name })
    assert.same({ 6, ("x"):rep(16), "" },
      { streams[2].number, streams[2].name, streams[2].endpoint })
    local idle = streams[3]
    assert.same({ 7, "jobs", "ipc://a", "PULL", true, 0, 0 }, { idle.number, idle.name,
      idle.endpoint, idle.type, idle.receiving, idle.messages_in, idle.handling.count })
  end)

  it("says what runs that is no stream", function()
    local made = make()
    made.loop.running, made.loop.what = C.EDDY_PAGE_NAMED, "timer at app.lua:12"
    assert.equal("timer at app.lua:12", reader.read(bytes_of(made)).loops[1].what)
    made.loop.running = C.EDDY_PAGE_UNNAMED
    assert.equal("a callback, task or timer", reader.read(bytes_of(made)).loops[1].what)
    made.loop.running = 12345
    assert.equal("a stream that is closed", reader.read(bytes_of(made)).loops[1].what)
    made.loop.running = 0
    assert.is_nil(reader.read(bytes_of(made)).loops[1].what)
  end)

  it("says what is no page, or another version's", function()
    assert.same({ nil, "no counters page" }, { reader.read "" })
    assert.same({ nil, "no counters page" }, { reader.read(("x"):rep(5000)) })
    assert.same({ nil, "no counters page" }, { reader.read(bytes_of(make()):sub(1, 500)) })
    local made = make()
    made.head.version = 9
    assert.same({ nil, "a counters page of version 9, of another eddy" },
      { reader.read(bytes_of(made)) })
  end)

  it("skips records that it does not know, and fields behind those that it does", function()
    local made = make()
    made.loop.record.kind = 99
    made.streams[0].record.size = 2 * ffi.sizeof "eddy_page_stream" -- a later, larger one
    local page = reader.read(bytes_of(made))
    assert.same({ 0, 1, 1 }, { #page.loops, #page.streams, #page.metrics })
  end)

  it("reads what there is of a page that is cut off", function()
    local bytes = bytes_of(make())
    for size = 0, #bytes do
      local page = reader.read(bytes:sub(1, size))
      if page then assert.is_true(#page.streams <= 2) end
    end
    assert.equal(2, #reader.read(bytes:sub(1, -2)).streams)
  end)

  it("keeps what would steer a terminal out of texts", function()
    local made = make()
    made.head.command, made.streams[1].name = "a\27[2Jb\194\155c", "d\r\ne\127"
    local page = reader.read(bytes_of(made))
    assert.equal("a?[2Jb?c", page.command)
    assert.equal("d??e?", page.streams[2].name)
    ffi.fill(made.streams[1].name, C.EDDY_PAGE_NAME, ("x"):byte()) -- without an end
    assert.equal(("x"):rep(C.EDDY_PAGE_NAME), reader.read(bytes_of(made)).streams[2].name)
  end)

  it("makes numbers of what are none", function()
    local made = make()
    made.loop.turns, made.loop.since = 0 / 0, -1
    made.streams[0].stats.messages_in, made.head.size = math.huge, 0 / 0
    assert.same({ 0, 0, 0 }, { #reader.read(bytes_of(made)).streams,
      #reader.read(bytes_of(made)).loops, reader.read(bytes_of(made)).size })
    made.head.size = 1e300
    assert.equal(0, #reader.read(bytes_of(made)).loops)
    made.head.size = ffi.sizeof(made)
    local page = reader.read(bytes_of(made))
    assert.same({ 0, 0, 0 }, { page.loops[1].turns, page.loops[1].since,
      page.streams[1].messages_in })
  end)

  it("reads any bytes", function()
    local good = bytes_of(make())
    for _ = 1, full.size(2000, 100000) do
      local bytes = ffi.new("char[?]", #good)
      ffi.copy(bytes, good, #good)
      for _ = 1, math.random(1, 40) do
        local at = math.random(2) == 1 and math.random(8, 63) or math.random(0, #good - 1)
        bytes[at] = math.random(-128, 127)
      end
      local page, problem = reader.read(ffi.string(bytes, math.random(0, #good)))
      assert.is_true(page ~= nil or type(problem) == "string")
    end
  end)
end)
