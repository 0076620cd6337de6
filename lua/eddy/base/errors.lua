-- Error objects: what a failure of the world raises or returns.
local c = require "eddy.base.libeddy"

local nearest = require "eddy.base.nearest"

local C, ffi = c.C, c.ffi

local M = {}

---@class eddy.NoSuchOption
---@field no_such_option true

---@class eddy.Error
---@field code integer an errno
---@field name string "EADDRINUSE"
---@field message string what failed, and of what
---@field peer? string of an EHOSTUNREACH: the routing id of the peer that is gone
---@field received? string of an EBADMSG: the text that is no JSON
---@field msg? string[] of an EBADMSG on a stream: the list of the message's frames
---@field exit_code? integer of an EOWNERDEAD: how the worker of a job ended
---@field signal? string of an EOWNERDEAD: what ended the worker of a job
---@alias eddy.Part string|eddy.Frame|eddy.View
---@alias eddy.What eddy.Socket|integer|file*|table
local Error = {}
Error.__index = Error
Error.__tostring = function(self) return self.message end
Error.__concat = function(a, b) return tostring(a) .. tostring(b) end

--- An error object.
-- @param code an errno, libzmq's own ones included
-- @param what what failed, with the endpoint, stream or script it failed for
-- @return a table with `code`, `name` ("EADDRINUSE") and `message`; tostring gives the message
function M.new(code, what)
  local name = C.eddy_error_name(code)
  name = name ~= nil and ffi.string(name) or "errno " .. code
  local message = ffi.string(C.eddy_error_text(code)) .. " (" .. name .. ")"
  if what then message = what .. ": " .. message end
  return setmetatable({ code = code, name = name, message = message }, Error)
end

--- Whether a value is an error object.
function M.is_error(value) return getmetatable(value) == Error end

--- An error object of the fields of another one, as another process sent them.
function M.of_fields(fields) return setmetatable(fields, Error) end

--- The error of a message to a peer that is gone: EHOSTUNREACH.
-- @param id the peer's routing id, which is the error's `peer`; nil when it is not known
function M.unreachable(what, id)
  if not id then return M.new(M.numbers.EHOSTUNREACH, what) end
  local is_text = #id > 0 and not id:find("[^\32-\126]")
  local name = is_text and '"' .. id .. '"' or "0x" .. id:gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end)
  local err = M.new(M.numbers.EHOSTUNREACH, ("%s: no peer %s"):format(what, name))
  err.peer = id
  return err
end

--- Raises an error object for a negative result of the core; returns any other result.
-- @param result what the core returned: -errno, or 0 and above
-- @param what, whom what was asked of it, and of whom (anything with a text)
function M.check(result, what, whom)
  if result >= 0 then return result end
  error(M.new(-result, whom and what .. " " .. tostring(whom) or what), 0)
end

local ours = debug.getinfo(1, "S").source:match("^(.*)base/errors%.lua$")

--- The text of an error of any type.
function M.text_of(err)
  local ok, text = pcall(tostring, err)
  if ok and type(text) == "string" then return text end
  local why = type(text) == "string" and ": " .. text or ""
  return "an error object whose __tostring fails" .. why
end

--- Whether a function's source is a module of eddy's.
function M.is_ours(source) return source:sub(1, #ours) == ours end

-- What is wrong when a module's function was called with a colon: an argument is the module. nil
-- when it was not.
-- @param level the function that was called, or that which it has called at its end
-- @param text of its error, which begins with its name
local function colon(level, text)
  local name = text:match "^[%a_][%w_]*"
  for _, place in ipairs { -1, 1, 2, 3 } do
    local _, value = debug.getlocal(level + 1, place)
    local is_module = type(value) == "table" and name and rawget(value, name) ~= nil
    for module, loaded in pairs(is_module and package.loaded or {}) do
      if loaded == value and module:find "^eddy" then
        return ("%s: it is a function of a module, and is called with a dot: %s.%s(...)"):format(
          name, module:match "[^.]+$", name)
      end
    end
  end
end

--- Raises a mistake of a script's, at the script's line.
-- @param text "NAME: what is wrong", with the name of what the script has called
function M.misuse(text)
  local level, called, info = 1
  repeat
    level = level + 1
    info = debug.getinfo(level, "S")
    local is_ours = info and info.what ~= "C" and M.is_ours(info.source)
    if is_ours then called = level end
  until not info or info.what ~= "C" and not is_ours
  error(called and colon(called, text) or text, level)
end

--- Raises for a name that is none of those there are, with the one that may be meant.
-- @param what what the script has called
-- @param kind what it is a name of: "option"
-- @param ... tables with the names there are as keys
function M.unknown(what, kind, name, ...)
  M.misuse(("%s: no such %s: '%s'%s"):format(what, kind, tostring(name), nearest(name, ...)))
end

local MOST_SHOWN = 40

--- A value as texts about it have it: `string "1s"`, `number 5`, `nil`, `table`.
function M.typed(value)
  local kind = type(value)
  if kind == "string" then
    return ("string %q"):format(#value > MOST_SHOWN and value:sub(1, MOST_SHOWN) .. "..." or value)
  end
  return (kind == "number" or kind == "boolean") and kind .. " " .. tostring(value) or kind
end

--- Raises for a method that was called with a dot, and so without its object.
-- @param name the method's name
-- @param kind what its object is called: "stream"
function M.no_self(name, kind)
  M.misuse(("%s: it is a method, and is called with a colon: %s:%s(...)"):format(name, kind, name))
end

--- Raises unless a method was given its object: a table that has a metatable.
function M.check_self(self, name, kind)
  if type(self) ~= "table" or not getmetatable(self) then M.no_self(name, kind) end
end

--- Where the running script has called eddy: "script.lua:12", for messages to people.
function M.called_from()
  local level, info = 2
  repeat
    level = level + 1
    info = debug.getinfo(level, "Sl")
  until not info or info.what ~= "C" and not M.is_ours(info.source)
  return info and info.short_src .. ":" .. info.currentline or "?"
end

--- Raises unless `value` is a function (or, with `or_nil`, nil).
function M.check_function(value, what, or_nil)
  if type(value) == "function" or (or_nil and value == nil) then return end
  local meta = type(value) == "table" and getmetatable(value)
  if meta and meta.__call then return end
  M.misuse(what .. ": expected a function, got " .. type(value))
end

--- Raises unless `ms` is a number of milliseconds.
function M.check_ms(ms, what)
  if type(ms) ~= "number" or ms ~= ms then
    M.misuse(what .. ": expected a number of milliseconds, got " .. M.typed(ms))
  end
end

--- How long a call may wait: nil, negative ones and infinity are for ever. Raises for what is no
-- number.
-- @return ms from 0 on, or nil for ever
function M.limit_of(ms, what)
  if ms == nil then return nil end
  M.check_ms(ms, what)
  if ms >= 0 and ms < math.huge then return ms end
end

--- Raises unless `options` is a table that has no other fields than the named ones.
function M.check_fields(options, names, what)
  if type(options) ~= "table" then
    M.misuse(what .. ": expected a table, got " .. type(options))
  end
  for name in pairs(options) do
    if not names[name] then M.unknown(what, "option", name, names) end
  end
end

--- A linger as libzmq takes it: whole ms, at most its longest, 24 days; -1 is for ever. Raises for
-- what is no number. nil stays nil.
function M.linger_of(linger)
  if linger == nil then return nil end
  if type(linger) ~= "number" or linger ~= linger then
    M.misuse("close: expected a linger in milliseconds, got " .. tostring(linger))
  end
  if linger < 0 or linger == math.huge then return -1 end
  return math.min(math.ceil(linger), 2 ^ 31 - 1)
end

--- Where a function was written, "script.lua:12", for messages to people.
function M.where(fn)
  if type(fn) ~= "function" then return "a callable table" end
  local info = debug.getinfo(fn, "S")
  return info.what == "C" and "a C function" or info.short_src .. ":" .. info.linedefined
end

--- The text of an object that has a kind, and a name if its user gave it one: 'timer "tick"'.
function M.named(kind, object)
  local name = rawget(object, "name")
  return name and ('%s "%s"'):format(kind, M.text_of(name)) or kind
end

local numbers = {}
for code = 1, 133 do
  local name = C.eddy_error_name(code)
  if name ~= nil then numbers[ffi.string(name)] = code end
end

-- One number each, of which the table above has the other name.
numbers.EOPNOTSUPP, numbers.EWOULDBLOCK = numbers.ENOTSUP, numbers.EAGAIN

--- errno numbers by name, of the system and of libzmq.
M.numbers = numbers

do
  local array = ffi.new("const eddy_constant *[1]")
  for i = 0, C.eddy_constants(array) - 1 do
    if ffi.string(array[0][i].name) == "HAUSNUMERO" then
      local base = array[0][i].value
      for code = base, base + 63 do
        local name = C.eddy_error_name(code)
        if name ~= nil then numbers[ffi.string(name)] = code end
      end
    end
  end
end

--- The error of a call that would have had to wait. One object: it says nothing but that.
M.again = M.new(numbers.EAGAIN)

--- The error of a call that waited in vain for as long as RCVTIMEO or SNDTIMEO allow.
-- @param what the call
-- @param whom the socket
function M.timed_out(what, whom)
  return M.new(numbers.EAGAIN, ("%s: %s: the time is up"):format(what, tostring(whom)))
end

--- The error of a wait that was cancelled.
M.cancelled = M.new(numbers.ECANCELED)

local expected = {
  [numbers.EAGAIN] = true, [numbers.ETIMEDOUT] = true, [numbers.ECANCELED] = true,
}

--- Whether an error is one that every caller must expect, and gets as nil and the error: it
-- would have had to wait, the time is up, it was cancelled, or, of an error whose `is_expected`
-- says so, a limit that the caller has set was reached.
function M.is_expected(err)
  return getmetatable(err) == Error and (expected[err.code] or err.is_expected) == true
end

return M
