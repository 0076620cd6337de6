-- Running a program to its end: what it wrote, and how it ended.
local errors = require "eddy.base.errors"
local children = require "eddy.process.child"
local futures = require "eddy.tasks.future"

local OUTPUT_BYTES = 16 * 1024 * 1024

-- What the future of a run stands for: the child, which ends with it.
local Run = {}
Run.__index = Run

function Run:_release()
  if self.timer then self.timer:cancel() end
  if self.child:running() then self.child:stop() end
end

function Run:_describe() return self.child:_describe() end

-- What came in on an output so far.
local function text_of(whole) return whole and whole:result() or "" end

local function fail(run, err)
  if not run.future:done() then run.future:set_error(err) end
end

local function watch(run, output, limit)
  if not output then return nil end
  local whole = output:read_all(limit)
  whole:add_done_callback(function()
    local err = whole:error()
    if err then fail(run, err) end
  end)
  return whole
end

local function limits_of(options)
  local limit, ms = options.max_output or OUTPUT_BYTES, options.timeout
  if type(limit) ~= "number" or limit < 0 or limit ~= limit then
    errors.misuse("run: max_output: expected a number of bytes, got " .. tostring(limit))
  end
  local input = options.input
  if input ~= nil and type(input) ~= "string" then
    errors.misuse("run: input: expected a string, got " .. type(input))
  end
  return limit, errors.limit_of(ms, "run: timeout")
end

--- A future of what a program comes to.
-- @param own the options, as `spawn` has them
-- @param options those of `run` alone, too
return function(loop, own, options)
  local limit, ms = limits_of(options)
  if own.stdin == nil then own.stdin = options.input and "pipe" or nil end
  if own.stdout == nil then own.stdout = "pipe" end
  if own.stderr == nil then own.stderr = "pipe" end
  local child = children.start(loop, own, "run")
  local run = setmetatable({ child = child }, Run)
  local future = futures.new(loop, run)
  run.future = future
  local out, err = child.stdout, child.stderr
  local output = watch(run, type(own.stdout) ~= "function" and out or nil, limit)
  local complaints = watch(run, type(own.stderr) ~= "function" and err or nil, limit)
  if options.input then
    child:write(options.input)
    child:close_stdin()
  end
  child._ended:_listen(function(ended)
    if future:done() then return end
    local code, name = ended:result()
    future:set_result(code, text_of(output), text_of(complaints), name)
  end)
  run.timer = ms and loop:call_later(ms, function()
    fail(run, errors.new(errors.numbers.ETIMEDOUT, "run " .. child:_describe()))
  end)
  return future
end
