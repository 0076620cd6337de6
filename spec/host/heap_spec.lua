-- The memory of the host's Lua states.
local process = require "spec.support.process"

local check, eddy = process.check, process.eddy

-- What malloc has given away, in MiB: pages, and all that is large.
local USED = [[
  local ffi = require "ffi"
  ffi.cdef "struct memory { size_t a, b, c, d, mapped, e, f, used, g, h; };"
  ffi.cdef "struct memory mallinfo2(void);"
  local function used()
    collectgarbage()
    collectgarbage()
    local now = ffi.C.mallinfo2()
    return tonumber(now.used + now.mapped) / 2 ^ 20
  end
]]

describe("a Lua state's memory", function()
  it("keeps things of all sizes apart, and is given back", function()
    local out = check(0, eddy("-e", USED .. [[
      local function text(i) return i .. ("x"):rep(i % 700) end
      local function verify(list, step)
        for i = 1, 100000, step do assert(list[i] == text(i)) end
      end
      local before = used()
      for _ = 1, 3 do
        local list, lists = {}, {}
        for i = 1, 100000 do
          list[i], lists[i] = text(i), { i, i, i }
          for k = 1, i % 20 do lists[i][k] = k end
        end
        verify(list, 1)
        for i = 2, 100000, 2 do list[i], lists[i] = nil, nil end
        collectgarbage()
        for i = 2, 100000, 2 do lists[i] = { [i] = text(i) } end
        verify(list, 2)
        for i = 1, 100000, 2 do assert(#lists[i] == math.max(3, i % 20)) end
        for i = 2, 100000, 2 do assert(lists[i][i] == text(i)) end
      end
      print(used() < before + 8)]]))
    assert.equal("true\n", out)
  end)

  it("ends with the thread that had it", function()
    local out = check(0, eddy("-e", USED .. [[
      local thread = require "eddy.thread"
      local function run()
        for _ = 1, 4 do thread.start(function() return ("x"):rep(1000) end):join() end
      end
      run()
      local before = used()
      for _ = 1, 10 do run() end
      print(used() < before + 8)]]))
    assert.equal("true\n", out)
  end)
end)
