-- The script: read from wherever it is, and called with its arguments.
local util = require "jit.util"

local AT_ONCE = 7000  -- arguments that `unpack` hands over
local MOST = 20000    -- that `...` can have: Lua's stack takes no more, some of it thrice

local M = {}

-- The bytes of a file, a pipe, or, without a name, of the standard input. Each is opened and
-- read once: what a pipe has given is gone. Returns nil and the reason where it cannot be read.
local function read(name)
  local file, err = io.stdin, nil
  if name then file, err = io.open(name, "rb") end
  if not file then return nil, err end
  -- A directory opens, and cannot be read.
  local text, problem = file:read("*a")
  if name then file:close() end
  return text, text == nil and (name or "stdin") .. ": " .. problem
end

-- What is in the bundle, where this executable has one.
local function bundled(name)
  local bundle = package.loaded["eddy.base.bundle"]
  return bundle and bundle.text(name)
end

--- Loads a script.
-- @param name a file, or "-" for the standard input
-- @return its function; or nil, what is wrong, and whether it could not be read at all
function M.load(name)
  local is_input = name == "-"
  local text, problem = bundled(name), nil
  if not text then text, problem = read(not is_input and name or nil) end
  if not text then return nil, "cannot read the script " .. problem, true end
  local chunk, err = load(text, is_input and "=stdin" or "@" .. name, "t")
  if chunk then return chunk end
  return nil, err:find("wrong mode", 1, true) and name .. ": it is bytecode, not a script" or err
end

-- Calls fn with the first `count` of a list before what else is given.
local function spread(fn, list, count, ...)
  if count <= 0 then return fn(...) end
  return spread(fn, list, count - 1, list[count], ...)
end

local function opcode(fn, pc) return bit.band(util.funcbc(fn, pc), 0xff) end
local VARG = opcode(function(...) return ... end, 1)

-- Whether a chunk has `...` in it, outside all functions.
local function reads_arguments(chunk)
  for pc = 1, util.funcinfo(chunk).bytecodes - 1 do
    if opcode(chunk, pc) == VARG then return true end
  end
  return false
end

--- Makes a function without arguments that calls a script's with those of a list: as many as
-- there can be.
-- @param warn called with a text when the script would miss some of them
function M.bind(chunk, args, warn)
  local all = #args
  if all <= AT_ONCE then return function() return chunk(unpack(args)) end end
  local count = math.min(all, MOST)
  if count < all and reads_arguments(chunk) then
    warn(("`...` has the first %d of %d arguments; `arg` has all"):format(count, all))
  end
  local before = count - AT_ONCE
  return function() return spread(chunk, args, before, unpack(args, before + 1, count)) end
end

return M
