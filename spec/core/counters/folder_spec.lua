local C, ffi = require "spec.support.room" "counters/folder"
local support = require "spec.core.support"
local process = require "spec.support.process"

ffi.cdef [[
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);
int getpid(void);
int open(const char *path, int flags, ...);
int flock(int fd, int operation);
]]

local errno = support.errno

describe("core/counters/folder", function()
  local runtime, before
  before_each(function()
    before = os.getenv "XDG_RUNTIME_DIR"
    runtime = select(2, process.shell "mktemp -d"):match "%S+"
    ffi.C.setenv("XDG_RUNTIME_DIR", runtime, 1)
  end)
  after_each(function()
    process.shell("rm -rf " .. runtime)
    ffi.C.unsetenv "XDG_RUNTIME_DIR"
    if before then ffi.C.setenv("XDG_RUNTIME_DIR", before, 1) end
  end)

  local function folder()
    local path = ffi.new("char[4096]")
    local size = C.eddy_page_folder(path, 4096)
    return size >= 0 and ffi.string(path, size) or size
  end

  local function folders()
    local paths = ffi.new("char[65536]")
    return ffi.string(paths, C.eddy_page_folders(paths, 65536))
  end

  local function sh(command)
    return (process.check(0, process.shell("cd " .. runtime .. " && " .. command)))
  end

  local function write(name, bytes)
    local file = assert(io.open(runtime .. "/eddy/" .. name, "wb"))
    file:write(bytes)
    file:close()
  end

  local function names() return (sh("ls eddy"):gsub("\n", " ")) end

  it("is made below $XDG_RUNTIME_DIR, for its owner alone", function()
    assert.equal(runtime .. "/eddy", folder())
    assert.equal("700\n", sh "stat -c %a eddy")
    assert.equal(runtime .. "/eddy", folder())
    assert.truthy(folders():find(runtime .. "/eddy\0", 1, true))
  end)

  it("is another one where that can be read by others, or is a link or a file", function()
    for _, made in ipairs { "mkdir -m 750 eddy", "mkdir -m 702 eddy",
        "mkdir -m 700 x && ln -s x eddy", "touch eddy", "ln -s nowhere eddy" } do
      sh(made)
      assert.message(made).not_equal(runtime .. "/eddy", folder())
      assert.message(made).is_nil(folders():find(runtime .. "/eddy\0", 1, true))
      sh "rm -rf eddy x"
    end
    ffi.C.setenv("XDG_RUNTIME_DIR", "not/absolute", 1)
    assert.is_nil(tostring(folder()):find "not/absolute")
  end)

  it("says when there is no room for its name", function()
    assert.equal(-errno.ENAMETOOLONG, C.eddy_page_folder(ffi.new("char[4]"), 4))
  end)

  it("is read only where there are plain files of its owner's", function()
    folder()
    write("1", "some bytes")
    sh "mkfifo eddy/2; ln -s 1 eddy/3; mkdir eddy/4"
    local bytes = ffi.new("char[100]")
    local path = runtime .. "/eddy"
    assert.equal("some bytes", ffi.string(bytes, C.eddy_page_read(path, "1", bytes, 100)))
    assert.equal("some", ffi.string(bytes, C.eddy_page_read(path, "1", bytes, 4)))
    assert.equal(-errno.EINVAL, C.eddy_page_read(path, "2", bytes, 100))
    assert.equal(-errno.ELOOP, C.eddy_page_read(path, "3", bytes, 100))
    assert.equal(-errno.EINVAL, C.eddy_page_read(path, "4", bytes, 100))
    assert.equal(-errno.EINVAL, C.eddy_page_read(path, "../x", bytes, 100))
    assert.equal(-errno.ENOENT, C.eddy_page_read(path, "5", bytes, 100))
    if C.eddy_user() == 0 then
      sh "chown 12345 eddy/1"
      assert.equal(-errno.EINVAL, C.eddy_page_read(path, "1", bytes, 100))
    end
  end)

  it("sets pages of the dead aside, and loses those that have been for a day", function()
    folder()
    local own = tostring(ffi.C.getpid())
    for _, name in ipairs { own, "2147483646", "2147483645.dead", "2147483644.dead", "x.dead",
        "1.other", "other" } do
      write(name, "x")
    end
    sh(("touch -d '25 hours ago' eddy/2147483646 eddy/2147483645.dead eddy/x.dead eddy/%s"):format(
      own))
    C.eddy__folder_clean(runtime .. "/eddy")
    C.eddy__folder_clean(runtime .. "/eddy")
    local left = {}
    for name in names():gmatch "%S+" do left[name] = true end
    assert.same({ [own] = true, ["2147483646.dead"] = true, ["2147483644.dead"] = true,
      ["x.dead"] = true, ["1.other"] = true, other = true }, left)
  end)

  it("leaves pages alone that a process has which cannot be seen", function()
    folder()
    write("2147483646", "x")
    local file = ffi.C.open(runtime .. "/eddy/2147483646", 0)
    assert.equal(0, ffi.C.flock(file, 2))
    C.eddy__folder_clean(runtime .. "/eddy")
    assert.equal("2147483646 ", names())
    ffi.C.close(file)
    C.eddy__folder_clean(runtime .. "/eddy")
    assert.equal("2147483646.dead ", names())
  end)

  it("keeps the youngest sixteen of the dead", function()
    folder()
    for i = 1, 40 do
      write(i .. ".dead", "x")
      sh(("touch -d '%d minutes ago' eddy/%d.dead"):format(i * 7 % 41, i))
    end
    C.eddy__folder_clean(runtime .. "/eddy")
    local kept = 0
    for name in names():gmatch "%S+" do
      assert.is_true(tonumber(name:match "%d+") * 7 % 41 <= 16)
      kept = kept + 1
    end
    assert.equal(16, kept)
    C.eddy__folder_clean(runtime .. "/nowhere")
  end)
end)
