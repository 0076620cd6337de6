local C, ffi = require "spec.support.room" "base/faults"
local process = require "spec.support.process"

ffi.cdef "int getpid(void);"

-- What runs in a process without a page, which then opens one.
local BEGIN = [[
  local C, ffi = require "spec.support.room" "base/faults"
  local folder, plan = os.getenv "XDG_RUNTIME_DIR" .. "/eddy", C.eddy__fault_plan
  local function descriptors() return C.eddy_page_descriptors(ffi.C.getpid()) end
  ffi.cdef "int getpid(void);"
  local function files() return io.popen("ls " .. folder):read "*a" end
  local function own() return tostring(ffi.C.getpid()) .. "\n" end
]]

describe("core/counters/own_page", function()
  local runtime
  before_each(function() runtime = select(2, process.shell "mktemp -d"):match "%S+" end)
  after_each(function() process.shell("rm -rf " .. runtime) end)

  local function run(code)
    local name = process.script("EDDY_ROOT = " .. ("%q"):format(EDDY_ROOT) ..
      "\npackage.path = EDDY_ROOT .. '/?.lua;' .. package.path\n" .. BEGIN .. code)
    local exit, out, err = process.shell(("cd %s && EDDY_COUNTERS=off XDG_RUNTIME_DIR=%s %s %s")
      :format(process.quote(EDDY_ROOT), runtime, process.quote(EDDY_HOST), name))
    os.remove(name)
    return process.check(0, exit, out, err)
  end

  it("is a file of the process's, which goes when it ends well", function()
    assert.equal("600 " .. "true\n", (run [[
      assert(C.eddy_page_get() == nil)
      assert(C.eddy_page_open("my command", 3) == 0)
      assert(C.eddy_page_open("another", 3) == -17)
      local page = C.eddy_page_get()
      assert(ffi.string(page.command) == "my command" and page.worker == 3)
      assert(page.pid == ffi.C.getpid() and files() == own())
      local mode = io.popen("stat -c %a " .. folder .. "/" .. ffi.C.getpid()):read "*l"
      C.eddy_page_end(0)
      print(mode .. " " .. tostring(files() == ""))
    ]]))
  end)

  it("takes the place of one that an earlier process of its id left", function()
    run [[
      assert(C.eddy_page_folder(ffi.new "char[4096]", 4096) > 0)
      local old = io.open(folder .. "/" .. ffi.C.getpid(), "w")
      old:write "old"
      old:close()
      C.eddy_page_open("x", -1)
      assert(files() == ffi.C.getpid() .. "\n" .. ffi.C.getpid() .. ".dead\n")
      assert(io.open(folder .. "/" .. ffi.C.getpid() .. ".dead"):read "*a" == "old")
      C.eddy_page_end(0)
    ]]
  end)

  it("stays when it ends with another code", function()
    run [[
      C.eddy_page_open("x", -1)
      C.eddy_page_end(75)
      assert(files() == ffi.C.getpid() .. ".dead\n" and C.eddy_page_get().exit_code == 75)
      assert(C.eddy_page_get().ended > 1e9)
    ]]
  end)

  it("leaves nothing behind where it cannot be opened", function()
    for call, code in pairs { OPEN = 13, ALLOCATE = 28, MAP = 12, MKDIR = 13 } do
      local refused = tonumber((run(("local call, code = %q, %d"):format(call, code) .. [[

        local skip, result = 0
        repeat
          plan(C["EDDY__FAULT_" .. call], skip, 100, code)
          local before = descriptors()
          result = C.eddy_page_open("x", -1)
          plan(C["EDDY__FAULT_" .. call], 0, 0, 0)
          assert(result == 0 or C.eddy_page_get() == nil)
          assert(result == 0 or descriptors() == before and files() == "")
          skip = skip + 1
        until result == 0
        print(skip - 1)
      ]])))
      assert.message(call).is_true(refused >= 1 and refused < 10)
    end
  end)

  it("has records that are reused, each with a number of its own", function()
    run [[
      C.eddy_page_open("x", -1)
      local a, b = C.eddy_page_add(64), C.eddy_page_add(64)
      ffi.cast("char *", a)[20] = 7
      a.kind = 3
      C.eddy_page_remove(a)
      assert(a.kind == 0)
      assert(C.eddy_page_add(128) ~= a)
      local c = C.eddy_page_add(64)
      assert(c == a and c.number ~= b.number and c.size == 64)
      for i = 16, 63 do assert(ffi.cast("char *", c)[i] == 0) end
      assert(C.eddy_page_add(63) == nil and C.eddy_page_add(16) == nil)
      C.eddy_page_remove(nil)
    ]]
  end)

  it("grows in place, and says what it had no room for", function()
    run [[
      C.eddy_page_open("x", -1)
      local page = C.eddy_page_get()
      local first, count = C.eddy_page_add(1024), 0
      first.kind = 77
      for _ = 1, 1000 do assert(C.eddy_page_add(1024) ~= nil) end
      assert(page == C.eddy_page_get() and first.kind == 77 and page.left_out == 0)
      local size = tonumber(io.popen("stat -c %s " .. folder .. "/*"):read "*l")
      assert(size >= page.size and size < page.size + 70000)
      plan(C.EDDY__FAULT_ALLOCATE, 0, 1000, 28)
      while C.eddy_page_add(1024) ~= nil do count = count + 1 end
      assert(count < 70 and page.left_out == 1)
      plan(C.EDDY__FAULT_ALLOCATE, 0, 0, 0)
      assert(C.eddy_page_add(1024) ~= nil)
      C.eddy_page_keep()
      C.eddy_page_remove(first)
      assert(first.kind == 77)
    ]]
  end)

  it("is its parent's alone after a fork", function()
    run [[
      ffi.cdef "int fork(void); int waitpid(int pid, int *status, int options); void _exit(int);"
      C.eddy_page_open("parent", -1)
      local record = C.eddy_page_add(64)
      record.kind = 5
      local pid = ffi.C.fork()
      if pid == 0 then
        local ok = C.eddy_page_get() == nil and C.eddy_page_add(64) == nil
        C.eddy_page_remove(record)
        C.eddy_page_end(9)
        ok = ok and record.kind == 5 and C.eddy_page_open("child", 1) == 0
        ok = ok and ffi.string(C.eddy_page_get().command) == "child"
        C.eddy_page_end(0)
        ffi.C._exit(ok and 0 or 1)
      end
      local status = ffi.new "int[1]"
      assert(ffi.C.waitpid(pid, status, 0) == pid and status[0] == 0)
      assert(ffi.string(C.eddy_page_get().command) == "parent" and C.eddy_page_get().ended == 0)
      assert(files() == own())
    ]]
  end)

  it("counts the descriptors of a process, where there is one", function()
    assert.is_true(C.eddy_page_descriptors(ffi.C.getpid()) >= 3)
    assert.is_true(C.eddy_page_descriptors(2147483647) < 0)
  end)
end)
