package.path = EDDY_ROOT .. "/spec/bench/?.lua;" .. package.path
local measure = require "harness.measure"
local picture = require "harness.picture"
local programs = require "harness.programs"
local report = require "harness.report"
local statistics = require "harness.statistics"
local process = require "spec.support.process"

describe("the benchmark harness", function()
  local function says(line, needs)
    return { line = "sh -c '" .. line .. "'", needs = needs or "true", package = "a-package" }
  end

  it("takes medians, spreads, and ratios round by round", function()
    assert.equal(3, statistics.median { 5, 1, 3 })
    assert.equal(2.5, statistics.median { 4, 1, 2, 3 })
    local summary = statistics.summary { 5, 1, 3 }
    assert.same({ 1, 3, 5 }, { summary.low, summary.median, summary.high })
    assert.same({ 2, 3 }, statistics.ratios({ 2, 6 }, { 1, 2, 4 }))
  end)

  it("lets contestants take turns", function()
    local path = os.tmpname()
    local function contestant(name) return { name = name, says(
      ("echo %s >>%s; echo cpu_ns=7 wall_ns=8.5"):format(name, path)) } end
    local results, problems = measure.run({ name = "turns",
      contestants = { contestant "a", contestant "b" } }, 3)
    local file = io.open(path)
    assert.equal("a\nb\na\nb\na\nb\n", file:read("*a"))
    file:close()
    os.remove(path)
    assert.same({}, problems)
    assert.same({ cpu_ns = { 7, 7, 7 }, wall_ns = { 8.5, 8.5, 8.5 } }, results.a)
  end)

  it("gives the first program's endpoint to the second, and takes both results", function()
    local results = measure.run({ name = "pair", contestants = { {
      name = "a", says "echo tcp://x:1; echo cpu_ns=1", says "echo got_ENDPOINT; echo p50_us=2",
    } } }, 1)
    assert.same({ cpu_ns = { 1 }, p50_us = { 2 } }, results.a)
  end)

  it("names who is missing, does not start, or has no result", function()
    local _, problems = measure.run({ name = "some", contestants = {
      { name = "gone", says("echo cpu_ns=1", "false") },
      { name = "mute", says "true", says "true" },
      { name = "vague", says "echo fast" },
    } }, 2)
    assert.same({ "some: gone is missing (Debian: a-package)", "some: mute did not start",
      "some: vague has no result" }, problems)
  end)

  describe("the report", function()
    local benchmark = {
      name = "it",
      contestants = { { name = "eddy" }, { name = "C floor" }, { name = "slow" } },
      rows = { { title = "work", metric = "cpu_ns", unit = "ns", aims = {
        { against = "C floor", at_most = 1.25 }, { against = "slow", at_least = 100 },
        { at_most = 20 }, { against = "C floor", at_most_more = 1 },
      } } },
    }
    local results = {
      eddy = { cpu_ns = { 12, 15, 12 } }, ["C floor"] = { cpu_ns = { 10, 10, 10 } },
      slow = { cpu_ns = { 600, 600, 600 } },
    }
    local rows = report.rows(benchmark, results)

    it("judges the aims", function()
      local met = {}
      for i, aim in ipairs(rows[1].aims) do met[i] = aim.met end
      assert.same({ true, false, true, false }, met)
      assert.equal(1.2, rows[1].aims[1].value)
    end)

    it("is a table that says where eddy misses", function()
      local table_ = report.table(rows)
      assert.matches("| work, ns | 12 (12 to 15) | C floor 10 (0.833 x), slow 600 (50 x) |",
        table_, 1, true)
      assert.matches(">= 100 times slow: **no**, 50", table_, 1, true)
    end)

    it("is a picture", function()
      local svg = picture.svg(rows, "a <machine>")
      assert.matches("^<svg .*</svg>\n$", svg)
      assert.matches("a &lt;machine&gt;", svg, 1, true)
      assert.matches("<title>slow: 50 x</title>", svg, 1, true)
    end)

    it("has no row for what was not measured", function()
      assert.same({}, report.rows(benchmark, { eddy = {}, ["C floor"] = {}, slow = {} }))
    end)
  end)

  it("has benchmarks whose rows speak of their contestants", function()
    programs.root, programs.build = EDDY_ROOT, "build"
    for path in io.popen("ls " .. EDDY_ROOT .. "/spec/bench/benchmarks/*.lua"):lines() do
      local benchmark, known = dofile(path), { eddy = true }
      for _, contestant in ipairs(benchmark.contestants) do known[contestant.name] = true end
      for _, row in ipairs(benchmark.rows) do
        assert.message(path).is_true(known[row.of or "eddy"])
        for _, name in ipairs(row.among or {}) do assert.message(name).is_true(known[name]) end
        for _, aim in ipairs(row.aims or {}) do
          assert.message(aim.against).is_true(not aim.against or known[aim.against] or false)
        end
      end
    end
  end)

  for script, args in pairs { timers = { "10" }, idle = { "3", "10" }, fan = { "2", "5" },
    turns = { "callback", "10" }, handlers = { "2", "4" }, pause = { "100", "0.1" },
    streams = { "50" }, broker = { "200" }, hello = {} } do
    it("runs eddy's side of " .. script, function()
      local code, out, err = process.eddy(EDDY_ROOT .. "/spec/bench/peers/eddy/" .. script ..
        ".lua", unpack(args))
      assert.message(err).equal(0, code)
      assert.matches("%w+=%-?%d", out)
    end)
  end

  it("tells what of a program LuaJIT compiles and gives up", function()
    local peers = EDDY_ROOT .. "/spec/bench/peers/"
    local code, _, err = process.eddy(peers .. "traces.lua", peers .. "eddy/turns.lua", "spawn",
      "20000")
    assert.equal(0, code)
    assert.matches("first half: %d+ traces, %d+ given up, %d+ flushes\nsecond half: %d", err)
    local compiled = tonumber(err:match "first half: (%d+)")
    assert.equal(os.getenv "EDDY_JIT" ~= "off", compiled > 0)
  end)
end)
