-- What a chunk asks for by name, as its bytecode has it: what is in a comment, or in a string, is
-- no call.
local util = require "jit.util"

local band, rshift = bit.band, bit.rshift

local M = {}

local function opcode(instruction) return band(instruction, 0xff) end
local function register(instruction) return band(rshift(instruction, 8), 0xff) end
local function constant(fn, instruction) return util.funck(fn, -rshift(instruction, 16) - 1) end

-- The operations of these calls: the function, its argument, the call.
local function operations(code)
  local fn = assert(loadstring(code))
  return opcode(util.funcbc(fn, 1)), opcode(util.funcbc(fn, 2)), opcode(util.funcbc(fn, 3))
end
local GLOBAL, STRING, CALL = operations 'require "x"'
local _, _, TAIL_CALL = operations 'return require "x"'

-- The calls of `require` with a string, also those by pcall.
local function add_required(fn, list)
  for pc = 1, util.funcinfo(fn).bytecodes - 3 do
    local callee, name, call = util.funcbc(fn, pc), util.funcbc(fn, pc + 1), util.funcbc(fn, pc + 2)
    local is_call = opcode(call) == CALL or opcode(call) == TAIL_CALL
    if opcode(callee) == GLOBAL and constant(fn, callee) == "require" and
      opcode(name) == STRING and is_call then
      list[#list + 1] = {
        name = constant(fn, name),
        line = util.funcinfo(fn, pc).currentline,
        is_optional = register(call) ~= register(callee),
      }
    end
  end
end

local function walk(fn, found)
  add_required(fn, found.required)
  for i = -1, -math.huge, -1 do
    local value = util.funck(fn, i)
    if value == nil then return end
    if type(value) == "proto" then
      walk(value, found)
    elseif type(value) == "string" then
      found.strings[#found.strings + 1] = value
    elseif type(value) == "table" then
      if type(value[1]) == "string" then found.strings[#found.strings + 1] = value[1] end
      if type(value.module) == "string" then found.modules[#found.modules + 1] = value.module end
    end
  end
end

--- Looks into a chunk.
-- @return a table: `required`, calls of require, each with `name`, `line` and `is_optional`, when
-- it may fail; `modules`, what is named as eddy.jobs has it, { module = "name" }; `strings`
function M.of(chunk)
  local found = { required = {}, modules = {}, strings = {} }
  walk(chunk, found)
  return found
end

return M
