--- What busted tells of the tests that run.
local M = {}

local started, failed -- functions of the case that is open
local watching = false

--- busted, when it runs.
function M.busted()
  local ok, busted = pcall(require, "busted")
  if ok and type(busted) == "table" and busted.subscribe then return busted end
end

local are_last = setmetatable({}, { __mode = "k" }) -- what is called after other `after_each`s

--- Has fn() called after each test of the block that is being described, after what else is called
-- there, also when that is added later.
function M.after_each(fn)
  are_last[fn] = true
  M.busted().after_each(fn)
end

local function order(list)
  local others, last = {}, {}
  for _, each in ipairs(list) do
    local into = are_last[each.run] and last or others
    into[#into + 1] = each
  end
  for i = 1, #list do list[i] = others[i] or last[i - #others] end
end

-- What a test returned that busted would ignore, though it shows that nothing was tested.
local function forgotten(value)
  local kind = type(value)
  if kind == "thread" then return "a coroutine" end
  if kind == "function" then return "a function" end
  if kind == "table" and (value.await or value.add_done_callback) then return "a task" end
end

local function check(...)
  for i = 1, select("#", ...) do
    local what = forgotten((select(i, ...)))
    if what then
      error("the test returned " .. what .. ", which nobody runs: wrap it in testing.async", 0)
    end
  end
end

local function on_start(element)
  local block = M.busted().parent(element)
  while block do
    if block.after_each then order(block.after_each) end
    block = M.busted().parent(block)
  end
  if started then
    local run = element.run
    started(element.name)
    element.run = function(...)
      element.run = run
      check(run(...))
    end
  end
  return nil, true
end

local function on_failure()
  if failed then failed() end
  return nil, true
end

--- Calls on_started(name) before each test from now on, and on_failed() after one that
-- failed. A test that returns a coroutine fails.
function M.tests(on_started, on_failed)
  started, failed = on_started, on_failed
  if watching then return end
  local busted = package.loaded.busted and M.busted()
  if not busted then return end
  watching = true
  busted.subscribe({ "test", "start" }, on_start)
  busted.subscribe({ "failure", "it" }, on_failure)
  busted.subscribe({ "error", "it" }, on_failure)
end

--- No longer.
function M.forget() started, failed = nil, nil end

return M
