local ffi = require "ffi"
local counters = require "eddy.counters"
local family = require "eddy.metrics.family"
local metrics = require "eddy.metrics"
local process = require "spec.support.process"

pcall(ffi.cdef, "int getpid(void);")

describe("eddy.metrics", function()
  local last = 0
  local function name(kind)
    last = last + 1
    return ("spec_%s_%d"):format(kind, last)
  end

  -- What others see, by its labels.
  local function shown(wanted)
    local found = {}
    for _, each in ipairs(counters.process(ffi.C.getpid()).page.metrics) do
      if each.name == wanted then found[each.labels] = each end
    end
    return found
  end

  it("counts on the page", function()
    local counter = metrics.counter(name "jobs", "Jobs that were done.")
    counter:inc()
    counter:inc(2.5)
    local each = shown(name "" and ("spec_jobs_%d_total"):format(last - 1))[""]
    assert.same({ "counter", 3.5, "Jobs that were done." }, { each.type, each.value, each.help })
    assert.equal(3.5, counter:value())
    assert.equal("counter " .. each.name, tostring(counter))
  end)

  it("has gauges, that go down, too", function()
    local wanted = name "depth"
    local gauge = metrics.gauge(wanted, "How deep.")
    gauge:set(-3)
    gauge:inc()
    gauge:dec(0.5)
    assert.equal(-2.5, shown(wanted)[""].value)
    assert.equal(-2.5, gauge:value())
  end)

  it("has histograms: a value is in the first bucket whose bound it does not exceed", function()
    local wanted = name "sizes"
    local sizes = metrics.histogram(wanted, "Bytes.", nil, { 1, 10, 100 })
    for _, value in ipairs { 0, 1, 1.5, 10, 99, 1000 } do sizes:observe(value) end
    local each = shown(wanted)[""]
    assert.same({ { 1, 10, 100 }, { 2, 2, 1, 1 }, 1111.5 }, { each.bounds, each.buckets,
      each.value })
    assert.same({ 6, 1111.5 }, { sizes:value() })
    assert.equal(11, #shown(name "x" and metrics.histogram(wanted .. "_s", "s.") and
      wanted .. "_s")[""].bounds)
  end)

  it("has a number for each combination of labels", function()
    local wanted = name "answers" .. "_total"
    local answers = metrics.counter(wanted, "Answers.", { "code", "path" })
    local good = answers:with { code = 200, path = 'a"b\\c\nd' }
    good:inc()
    assert.equal(good, answers:with { path = 'a"b\\c\nd', code = "200" })
    answers:with({ code = 404, path = "" }):inc(2)
    local found = shown(wanted)
    assert.equal(1, found[ [[code="200",path="a\"b\\c\nd"]] ].value)
    assert.equal(2, found[ [[code="404",path=""]] ].value)
  end)

  it("is the same when it is asked for again, and no other", function()
    local wanted = name "again"
    local gauge = metrics.gauge(wanted, "x", { "a" })
    assert.equal(gauge, metrics.gauge(wanted, "another text", { "a" }))
    local counter = metrics.counter(wanted .. "_c", "x")
    assert.equal(counter, metrics.counter(wanted .. "_c_total", "x"))
    assert.has_error(function() metrics.gauge(wanted, "x", { "b" }) end, "gauge: " .. wanted ..
      ": it is there already, as a gauge of other labels or buckets")
    assert.has_error(function() metrics.histogram(wanted, "x", { "a" }) end, "histogram: " ..
      wanted .. ": it is there already, as a gauge of other labels or buckets")
  end)

  it("bounds the combinations: those beyond are counted together", function()
    local out, err = process.check(0, process.eddy("-e", [[
      local metrics = require "eddy.metrics"
      local users = metrics.counter("users", "Users.", { "user" })
      for i = 1, 2000 do users:with({ user = i }):inc() end
      users:with({ user = ("x"):rep(1000) }):inc()
      print(users:with({ user = 1000 }):value(), users:with({ user = 1001 }):value())
      print(users:with({ user = "new" }) == users:with({ user = "newer" }))
      print(users:with({ user = "(other)" }):value())
    ]]))
    assert.equal("1\t1001\ntrue\n1001\n", out)
    local _, lines = err:gsub("\n", "")
    assert.equal(1, lines)
    assert.matches("eddy: metrics: users_total: more than " .. family.MOST_SERIES, err, 1, true)
  end)

  it("counts without a page, too", function()
    local code = [[
      local metrics = require "eddy.metrics"
      local seen, all = metrics.counter("seen", "x"), metrics.histogram("all", "x", { "a" })
      for i = 1, 1000 do
        seen:inc()
        all:with({ a = i % 3 }):observe(i)
      end
      collectgarbage()
      local count, sum = all:with({ a = 0 }):value()
      print(seen:value(), count, sum)]]
    local out = process.check(0, process.shell(("EDDY_COUNTERS=off %s -e %s"):format(
      process.quote(EDDY_HOST), process.quote(code))))
    assert.equal("1000\t333\t166833\n", out)
  end)

  it("goes on after a reload of the script", function()
    local started = process.start [[
      local eddy = require "eddy"
      eddy.keep("something", function() return {} end)
      eddy.metrics.counter("spec_loads", "x"):inc()
      eddy.metrics.gauge("spec_level", "x"):set(10)
      eddy.loop.instance():call_every(1000, function() end)
    ]]
    local latest, values = os.time() + 20, nil
    local function wait(generation)
      repeat
        local entry = counters.process(started.pid)
        local page = entry and entry.page
        values = {}
        for _, each in ipairs(page and page.metrics or {}) do
          values[#values + 1] = each.name .. " " .. each.value
        end
        local turns = page and page.loops[1] and page.loops[1].turns or 0
        if page and turns > 0 and page.generation == generation and #values == 2 then return end
      until os.time() > latest
      started:kill()
      error("no generation " .. generation)
    end
    wait(1)
    os.execute("kill -HUP " .. started.pid)
    wait(2)
    started:kill()
    table.sort(values)
    assert.same({ "spec_level 10", "spec_loads_total 2" }, values)
  end)

  it("says what is wrong with a call", function()
    local counter = metrics.counter(name "wrong", "x")
    local labelled = metrics.gauge(name "wrong", "x", { "a", "b" })
    local c, l = tostring(counter):match " (.*)", tostring(labelled):match " (.*)"
    for text, call in pairs {
      ["counter: expected a name of letters, digits and underscores, got string \"a b\""] =
        function() metrics.counter("a b", "x") end,
      ["gauge: expected a name of letters, digits and underscores, got nil"] =
        function() metrics.gauge() end,
      ["counter: 'eddy_x': names that begin with eddy_ and process_ are eddy's"] =
        function() metrics.counter("eddy_x", "x") end,
      ["gauge: 'x_total': _total is for counters"] = function() metrics.gauge("x_total", "x") end,
      ["histogram: 'x_sum': _sum is for what a histogram adds"] =
        function() metrics.histogram("x_sum", "x") end,
      ["counter: x_total: expected a text for help, got nil"] =
        function() metrics.counter "x" end,
      ["counter: x_total: expected a list of labels' names, got string \"a\""] =
        function() metrics.counter("x", "x", "a") end,
      ["counter: x_total: no name for a label: string \"__a\""] =
        function() metrics.counter("x", "x", { "__a" }) end,
      ["counter: x_total: no name for a label: string \"b\""] =
        function() metrics.counter("x", "x", { "b", "b" }) end,
      ["counter: x_total: the label 'worker' is eddy's own"] =
        function() metrics.counter("x", "x", { "worker" }) end,
      ["histogram: x: expected a list of 1 to 20 bounds"] =
        function() metrics.histogram("x", "x", nil, {}) end,
      ["histogram: x: expected bounds above 0, each above the last, got number 1"] =
        function() metrics.histogram("x", "x", nil, { 2, 1 }) end,
      ["inc: " .. c .. ": expected a number from 0 on, got number -1"] =
        function() counter:inc(-1) end,
      ["inc: " .. c .. ": expected a number from 0 on, got string \"1\""] =
        function() counter:inc "1" end,
      ["set: " .. l .. ": it has labels: with { a = ..., b = ... } has the number"] =
        function() labelled:set(1) end,
      ["with: " .. l .. ": label 'b': expected a string, got nil"] =
        function() labelled:with { a = 1 } end,
      ["with: " .. l .. ": no such option: 'c'"] =
        function() labelled:with { a = 1, b = 1, c = 1 } end,
      ["with: " .. l .. ": expected a table of labels, got nil"] =
        function() labelled:with() end,
    } do
      assert.message(text).has_error(call, text)
    end
    local long = ("x"):rep(100)
    assert.has_error(function() metrics.gauge(long, "x") end,
      "gauge: '" .. long .. "': a name has at most 87 characters")
    assert.is_false(pcall(counter.inc))
    assert.is_false(pcall(labelled.with))
    assert.equal(0, counter:value())
  end)
end)
