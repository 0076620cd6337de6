-- A stream's messages as JSON.
local errors = require "eddy.base.errors"
local later = require "eddy.base.later"
local failures = require "eddy.stream.failures"
local directions = require "eddy.zmq.directions"
local json = later.require "eddy.zmq.json"

local M = { methods = {} }
---@class eddy.Stream
local Stream = M.methods

--- Sends an object as JSON, a message of one frame. As `send`; raises before anything is sent
-- when there is no JSON for it. Needs lua-cjson.
---@param object any
---@param opts? eddy.SendOptions
---@return true? ok
---@return eddy.Error err
function Stream:send_json(object, opts)
  self:_check_open "send_json"
  return self:send(json.encode(object), opts)
end

-- What somebody else sent is no mistake of the script's: no error in a callback.
local function refuse(self, problem, msg)
  local err = errors.new(errors.numbers.EBADMSG, ("on_recv_json: %s: %s"):format(self.name,
    problem.problem or errors.text_of(problem)))
  err.received, err.msg = msg[#msg], msg
  failures.report(self, err)
  self:_answer_failure(err)
end

-- Only a REP's stream has to.
function Stream:_answer_failure() return self end

--- Calls fn(value, msg) for each message: what its last frame is in JSON (null is cjson.null), and
-- the list of all its frames. Where that is no JSON, on_err or the log has an EBADMSG error with
-- `received`, the text, and `msg`; and a REP answers as it does when a handler fails. In place of
-- `on_recv`, and stopped alike. Needs lua-cjson.
---@param fn? fun(value: any, msg: string[]): ...
function Stream:on_recv_json(fn)
  errors.check_function(fn, "on_recv_json", true)
  self:_check_open "on_recv_json"
  if not fn then return self:on_recv(nil) end
  directions.check_receives(self.socket, "on_recv_json", self.name)
  json.check()
  self:on_recv(function(msg)
    local ok, value = pcall(json.decode, msg[#msg])
    if not ok then return refuse(self, value, msg) end
    return fn(value, msg)
  end)
end

return M
