-- The end of contexts in which somebody waits for an inproc name that nobody bound.
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"

-- Runs code many times, with what it prints; each run must end in order.
local function check_ends(code, command)
  for _ = 1, 8 do
    local text, status = support.script(code, command)
    assert.equal("5\n", text)
    assert.equal(0, status)
  end
end

describe("the end of a context", function()
  it("whose sockets are all in use is orderly while one waits for a name", function()
    local code = [[
      local zmq = require "eddy.zmq"
      local context, all = zmq.context { io_threads = 1 }, {}
      context.max_sockets = 5
      all[1] = context:socket(zmq.DEALER, { linger = 0, connect = "inproc://nobody" })
      for i = 2, 20 do
        local ok, socket = pcall(context.socket, context, zmq.DEALER, { linger = 0 })
        if not ok then assert(socket.name == "EMFILE") break end
        all[i] = socket
      end
      print(#all)
    ]]
    check_ends(code)
    check_ends(code .. " for _, each in ipairs(all) do each:close() end context:term()")
    check_ends(code .. " all, context = nil, nil collectgarbage() collectgarbage()")
  end)

  it("is orderly when all of its sockets wait, for several names each", function()
    check_ends [[
      local zmq = require "eddy.zmq"
      local context, all = zmq.context { io_threads = 1 }, {}
      context.max_sockets = 5
      for i = 1, 5 do
        all[i] = context:socket(({ zmq.DEALER, zmq.ROUTER, zmq.PUSH, zmq.SUB, zmq.PAIR })[i])
        for k = 1, i < 5 and 20 or 1 do all[i]:connect("inproc://nobody-" .. k) end
        if i == 3 then all[i]:send "to nobody" end
      end
      for i = 1, 5 do all[i].linger = 0 end
      print(#all)
    ]]
  end)

  it("is orderly when there are no descriptors, and they wait in the shared one", function()
    check_ends([[
      local zmq = require "eddy.zmq"
      local all = {}
      repeat
        local ok, socket = pcall(zmq.instance().socket, zmq.instance(), zmq.DEALER,
          { linger = 0, connect = "inproc://nobody" })
        all[#all + 1] = ok and socket or nil
      until not ok
      assert(#all > 5)
      print(5)
    ]], "sh -c 'ulimit -n 64; exec \"$0\" \"$@\"' '" .. EDDY_HOST .. "'")
  end)

  it("is orderly under plain luajit", function()
    if process.shell("command -v luajit") ~= 0 or support.is_sanitized() then return end
    local library = EDDY_HOST:match("^(.*)/") .. "/libeddy.so"
    local script = process.script(([[
      package.path = %q
      local zmq = require "eddy.zmq"
      local context, all = zmq.context { io_threads = 1 }, {}
      context.max_sockets = 5
      for i = 1, 5 do
        all[i] = context:socket(zmq.DEALER, { linger = 0, connect = "inproc://nobody" })
      end
      print(#all)
    ]]):format(EDDY_ROOT .. "/lua/?.lua;" .. EDDY_ROOT .. "/lua/?/init.lua"))
    for _ = 1, 8 do
      local command = ("EDDY_LIBRARY=%s luajit %s"):format(library, script)
      assert.same({ 0, "5\n", "" }, { process.shell(command) })
    end
    os.remove(script)
  end)

  it("finds those who wait for a name that was bound once, and not those who met", function()
    local context = zmq.context { io_threads = 1 }
    local server = context:socket(zmq.PULL, { linger = 0, bind = "inproc://name" })
    local first = context:socket(zmq.PUSH, { linger = 0, connect = "inproc://name" })
    first:send "met"
    assert.equal("met", server:recv())
    server:close()
    local late = context:socket(zmq.PUSH, { linger = 0, connect = "inproc://later" })
    late:send "waited"
    local again = context:socket(zmq.PULL, { linger = 0, rcvtimeo = 5000, bind = "inproc://later" })
    assert.equal("waited", again:recv())
    again:unbind "inproc://later"
    local waiting = context:socket(zmq.PUSH, { linger = 0, connect = "inproc://later" })
    waiting:send "x"
    context:destroy(0)
  end)
end)
