local json = require "eddy.zmq.json"
local order = require "eddy.top.order"
local texts = require "eddy.top.json"
local views = require "eddy.top.view"

-- What is on the screen of `eddy top`, without a screen.
describe("eddy.top", function()
  local function times(count)
    return { count = count, total = 1, longest = 2, p50 = 0.001, p99 = 2 }
  end

  local function stream(number, name, ins)
    return { rates = { messages_in = ins, messages_out = 0, dropped = 0, bytes_in = 0,
        bytes_out = 0, errors = 0 },
      handling = times(9), share = 0.25,
      stream = { number = number, loop = 1, name = name, type = "PULL", queued = 0, high_water = 7,
        dropped = 0, endpoint = "tcp://127.0.0.1:" .. number, messages_in = 9, receiving = true,
        handling = times(9) } }
  end

  local function process(pid, streams, word)
    return { pid = pid, uptime = 5000, cpu = 0.5, queued = 0, dropped = 0, streams = streams,
      page = { command = "app" .. pid .. ".lua", generation = 1, ended = 0, exit_code = 0,
        auth = { allowed = 0, refused = 0, later = 0, malformed = 0 } },
      process = { memory = 2 ^ 20, descriptors = 7, cpu = 5, state = "S" },
      status = { word = word or "running", text = word or "running" },
      rates = { messages_in = pid, messages_out = 0, dropped = 0 },
      loops = { turns = 3, waiting = 1, callbacks = 0, timers = 2, errors = 0, missed_wakeups = 0,
        lua_bytes = 1e6, lag = times(3) } }
  end

  local view, samples
  before_each(function()
    samples = { process(11, { stream(1, "jobs", 10), stream(2, "logs", 20) }),
      process(12, {}, "hangs") }
    view = views.new()
    view:update(samples)
  end)

  local function lines(columns, rows)
    local list = view:lines(columns or 80, rows or 24)
    for i, line in ipairs(list) do list[i] = type(line) == "table" and line[1] or line end
    return list
  end

  local function shown(...) return table.concat(lines(...), "\n") end

  local function press(...)
    for _, key in ipairs { ... } do assert.is_true(view:press(key)) end
  end

  it("begins with all processes, one a line", function()
    local list = lines()
    assert.equal(24, #list)
    assert.matches("2 processes", list[1])
    assert.matches("^ +PID STATE +UP STREAMS", list[3])
    assert.matches("^ +11 running +5.0 s +2 +11 +0 +1.0 MB app11", list[4])
    assert.matches("^ +12 hangs", list[5])
    assert.equal("alarm", view:lines(80, 24)[5].style)
  end)

  it("opens the chosen one, and goes back", function()
    press("enter")
    local list = lines()
    assert.matches("^pid 11   app11.lua   up 5.0 s", list[1])
    assert.matches("turns/s   lag p50 1.0 us, p99 2.0 ms", list[3])
    assert.matches("memory 1.0 MB   lua 977 kB   7 fds   waiting 1", list[4])
    assert.matches("^STREAM +TYPE +IN/S", list[6])
    press("escape", "down", "down", "enter")
    assert.matches("^pid 12 ", lines()[1])
    press("back")
    assert.matches("2 processes", lines()[1])
  end)

  it("sorts by a column, one way or the other", function()
    press("enter")
    local function names()
      local list = {}
      for i = 7, 8 do list[#list + 1] = lines()[i]:match "%a+" end
      return table.concat(list, " ")
    end
    assert.equal("logs jobs", names())
    assert.matches("sort: IN/S", lines()[24])
    press("r")
    assert.equal("jobs logs", names())
    press("r", "left", "left", "left")
    assert.equal("jobs logs", names())
    assert.matches("sort: STREAM", lines()[24])
    press("<", "<")
    assert.matches("sort: %-", lines()[24])
    for _ = 1, 20 do press(">") end
    assert.equal("jobs logs", names())
  end)

  it("keeps sorting stable where values are equal", function()
    local rows = {}
    for i = 1, 50 do rows[i] = { i = i } end
    local sorted = order.sorted(rows, { value = function() return 1 end }, true)
    for i = 1, 50 do assert.equal(i, sorted[i].i) end
  end)

  it("shows the chosen stream's history", function()
    press("enter", "down", "down")
    view:update(samples)
    samples[1].streams[1].rates.messages_in = 5
    view:update(samples)
    local list = lines()
    assert.matches("^jobs +in/s +#%- ", list[22])
    assert.matches("now 5, most 10$", list[22])
    assert.matches("out/s __ +now 0, most 0$", list[23])
  end)

  it("stands still while it is paused", function()
    press("enter", "space")
    samples = { process(11, {}) }
    view:update(samples)
    assert.matches("jobs", shown())
    assert.matches("paused", shown())
    press("space")
    view:update(samples)
    assert.is_nil(shown():find "jobs")
  end)

  it("scrolls to the chosen row, on any screen", function()
    local many = {}
    for i = 1, 100 do many[i] = stream(i, "stream" .. i, 1000 - i) end
    view = views.new(11)
    view:update { process(11, many) }
    assert.matches("stream1 ", shown())
    press("end")
    assert.matches("stream100 ", shown())
    assert.is_nil(shown():find "stream1 ")
    press("page up", "up", "k", "j")
    assert.matches("stream89 ", shown())
    press("home")
    assert.matches("stream1 ", shown())
    for _, size in ipairs { { 1, 1 }, { 10, 3 }, { 79, 8 }, { 200, 60 }, { 500, 200 } } do
      assert.is_true(#lines(size[1], size[2]) >= size[2])
    end
    assert.matches("ENDPOINT", shown(130, 24))
  end)

  it("says that a process is not there, and ends with q", function()
    view = views.new(99)
    view:update(samples)
    assert.matches("no process 99", shown())
    press("enter", "down", "up", "escape", "x")
    assert.is_false(view:press "q")
  end)

  it("is JSON, too", function()
    local list = json.decode(texts.of(samples))
    assert.same({ 11, "app11.lua", "running" },
      { list[1].pid, list[1].command, list[1].status.word })
    assert.same({ "jobs", 10, 0.001 }, { list[1].streams[1].name,
      list[1].streams[1].rates.messages_in, list[1].streams[1].handling.p50 })
    assert.same({}, list[2].streams)
  end)
end)
