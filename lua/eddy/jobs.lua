--- Jobs: what blocks or computes, in processes of its own.
local errors = require "eddy.base.errors"
local C = require("eddy.base.libeddy").C
local pool = require "eddy.jobs.pool"
local loops = require "eddy.loop"

---@class eddy.jobs
---@overload fun(options: eddy.JobsOptions): eddy.Pool
local M = {}

local QUEUE, GRACE_MS = 100, 100

local fields = { module = true, workers = true, queue = true, on_full = true, timeout = true,
  grace = true, env = true, cwd = true, name = true, loop = true }
local policies = { error = true, drop_newest = true, drop_oldest = true }

local function number_of(options, name, least, default)
  local value = options[name]
  if value == nil then return default end
  if type(value) ~= "number" or value < least or value ~= value then
    errors.misuse(("jobs: %s: expected a number of at least %d, got %s"):format(name, least,
      tostring(value)))
  end
  return value
end

-- Raises when a module cannot be found, or read, here: then no worker could. It is not run.
local function check_module(name)
  if package.loaded[name] then return end
  local texts = {}
  for _, loader in ipairs(package.loaders) do
    local ok, found = pcall(loader, name)
    if ok and type(found) == "function" then return end
    if not ok then errors.misuse("jobs: " .. tostring(found)) end
    texts[#texts + 1] = found
  end
  errors.misuse(("jobs: module '%s' not found:%s"):format(name, table.concat(texts)))
end

---@class (exact) eddy.JobsOptions
---@field module string which a worker requires: a table of functions
---@field workers? integer how many at most (as many as there are processors)
---@field queue? integer how many jobs may wait (100)
---@field on_full? "error"|"drop_newest"|"drop_oldest"
---@field timeout? number ms that a job may run
---@field grace? number ms after its cancellation, before its worker is killed (100)
---@field env? table<string, string|false> as of eddy.process
---@field cwd? string
---@field name? string for messages to people
---@field loop? eddy.Loop the current one unless given

--- A pool of workers, which are started as they are needed.
---@param options eddy.JobsOptions
---@return eddy.Pool
function M.new(options)
  errors.check_fields(options, fields, "jobs")
  if type(options.module) ~= "string" then
    errors.misuse("jobs: module: expected the name of a module, got " .. type(options.module))
  end
  local policy = options.on_full or "error"
  if not policies[policy] then
    errors.unknown("jobs: on_full", "policy", policy, policies)
  end
  local loop = options.loop or loops.current()
  if not loops.is(loop) then errors.misuse("jobs: expected a loop, got " .. type(loop)) end
  loop:_core("jobs")
  local plan = {
    module = options.module, name = options.name, env = options.env, cwd = options.cwd,
    workers = number_of(options, "workers", 1, C.eddy_processors()),
    queue = number_of(options, "queue", 0, QUEUE), on_full = policy,
    timeout = errors.limit_of(options.timeout, "jobs: timeout"),
    grace = number_of(options, "grace", 0, GRACE_MS),
  }
  if options.cwd == nil then check_module(options.module) end -- else it may be elsewhere
  return pool.new(loop, plan)
end

return setmetatable(M, { __call = function(_, options) return M.new(options) end })
