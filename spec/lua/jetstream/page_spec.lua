local ffi = require "ffi"
local counters = require "eddy.counters"
local eddy = require "eddy"
local support = require "spec.lua.support"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("links on the counters page", function() shared.is_pending "have rows" end)
  return
end

pcall(ffi.cdef, "int getpid(void);")

describe("links on the counters page", function()
  local server = shared.server()
  local loop
  support.each(function(l) loop = l end)

  local function row(name)
    for _, each in ipairs(counters.process(ffi.C.getpid()).page.streams) do
      if each.name == name then return each end
    end
  end

  it("have rows, as their streams do, until they are closed", function()
    local link = eddy.jetstream.connect { server.url, name = "paged", loop = loop }
    link:on_event(function() end)
    local jobs = link:stream { stream = "PAGE", consumer = "c", subject = "page.a", name = "orders",
      create = { subjects = "page.>" } }
    local got = 0
    jobs:on_recv(function(msg)
      got = got + 1
      if msg[1] == "bad" then error "on purpose" end
    end)
    link:subscribe("plain"):on_recv(function() end)
    for _ = 1, 3 do link:publish("plain", "four") end
    for _ = 1, 9 do jobs:send "good!" end
    jobs:send "bad"
    support.wait(loop, function()
      local stream, of_link = row "orders", row "paged"
      return got >= 10 and stream.messages_in >= 10 and stream.messages_out == 10 and
        stream.errors >= 1 and of_link.messages_in == 3
    end)
    support.take_log()
    local stream, of_link = row "orders", row "paged"
    assert.same({ "JETSTREAM", true, 48, 10 }, { stream.type, stream.receiving, stream.bytes_out,
      stream.handling.count })
    assert.equal(0, stream.queued)
    assert.same({ "NATS", server.url, true }, { of_link.type, of_link.endpoint,
      of_link.receiving })
    assert.same({ 12, 3, 12 }, { of_link.bytes_in, of_link.messages_out, of_link.bytes_out })
    jobs:close()
    assert.is_nil(row "orders")
    link:close()
    assert.is_nil(row "paged")
  end)
end)
