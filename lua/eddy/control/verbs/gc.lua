-- A whole collection of garbage, during which the loop stands still.
local c = require "eddy.base.libeddy"
local text = require "eddy.terminal.text"

local M = {}

function M.run()
  local began, before = c.C.eddy_time(), collectgarbage "count" * 1024
  collectgarbage()
  collectgarbage() -- what finalizers let go of
  return { before = before, after = collectgarbage "count" * 1024, ms = c.C.eddy_time() - began }
end

function M.show(answer)
  return { ("%s before, %s after, took %.1f ms"):format(text.bytes(answer.before),
    text.bytes(answer.after), answer.ms) }
end

return M
