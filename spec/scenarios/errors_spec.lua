-- Handlers that raise, again and again: memory stays flat, whoever hears of it.
local full = require "spec.support.full"
local process = require "spec.support.process"
local support = require "spec.lua.support"

local COUNT, WARM, MOST_KIB = full.size(20000, 1000000), full.size(2000, 10000), 1024

describe("errors in handlers without end", function()
  -- Runs a script in which each message's handler raises; `setup` says who hears of it. Returns
  -- how many KiB memory grew, and the us that each took.
  local function raise(setup, exit_code)
    local code, out, err = process.shell(([[%s -e %s 2>%s]]):format(process.quote(EDDY_HOST),
      process.quote(([[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        local loop, heard, now = eddy.loop.instance(), 0, require("eddy.base.libeddy").C.eddy_time
        local function hear() heard = heard + 1 end
        %s
        local context = zmq.instance()
        local pull = eddy.stream(context:socket(zmq.PULL, { bind = "inproc://x" }))
        local push = eddy.stream(context:socket(zmq.PUSH, { connect = "inproc://x" }))
        local function rss()
          collectgarbage()
          collectgarbage()
          return tonumber(io.open("/proc/self/status"):read("*a"):match("VmRSS:%%s*(%%d+)"))
        end
        local count, before, began = 0
        local what = { "a text", { name = "a table" }, false, 42 }
        pull:on_recv(function()
          count = count + 1
          if count == %d then before, began = rss(), now() end
          if count == %d then
            local took = (now() - began) / (count - %d) * 1000
            print(rss() - before, took, heard)
            loop:stop()
          else
            push:send("x")
          end
          error(what[count %% 5] or "error " .. count)
        end)
        push:send("x")]]):format(setup, WARM, COUNT, WARM)), "/dev/null"))
    assert.message(err).equal(exit_code, code)
    local grew, took, heard = out:match("^(%S+)%s(%S+)%s(%S+)\n$")
    return tonumber(grew), tonumber(took), tonumber(heard)
  end

  for name, setup in pairs {
    ["on_error"] = "loop:on_error(hear)",
    ["a log of the script's own"] = "eddy.loop.set_log(hear)",
    ["the log"] = "",
  } do
    it("take no memory when " .. name .. " hears of them", function()
      local grew, took, heard = raise(setup, setup:find "on_error" and 0 or 1)
      if setup ~= "" then assert.equal(COUNT - 1, heard) end
      full.figure("a handler raises", "%d times, heard of by %s: memory grew by %d KiB, %.1f us " ..
        "each", COUNT, name, grew, took)
      if not support.is_sanitized() then assert.is_true(grew < MOST_KIB) end
    end)
  end
end)
