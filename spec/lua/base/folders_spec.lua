local folders = require "eddy.base.folders"
local process = require "spec.support.process"
local each_folder = require("spec.support.folders").each

describe("eddy.base.folders", function()
  local folder
  each_folder(function(dir) folder = dir end)

  local function mode(path)
    return (select(2, process.shell("stat -c %a " .. folder .. path)):gsub("\n", ""))
  end

  it("makes a folder, with those that it is in", function()
    assert.is_true(folders.make(folder .. "/a/b//c/", 448))
    assert.same({ "700", "700", "700" }, { mode "/a", mode "/a/b", mode "/a/b/c" })
    assert.is_true(folders.make(folder .. "/a/b", 493)) -- it is there, and stays as it is
    assert.equal("700", mode "/a/b")
  end)

  it("says why it cannot", function()
    process.shell("touch " .. folder .. "/file")
    local made, problem = folders.make(folder .. "/file/b", 448)
    assert.same({ nil, "Not a directory" }, { made, problem })
    assert.is_false(folders.private_file(folder .. "/missing/file"))
  end)

  it("has a file that only its user can read", function()
    assert.is_true(folders.private_file(folder .. "/new"))
    assert.equal("600", mode "/new")
    process.shell(("echo text >%s/old; chmod 644 %s/old"):format(folder, folder))
    assert.is_true(folders.private_file(folder .. "/old"))
    assert.equal("600", mode "/old")
    assert.equal("text\n", select(2, process.shell("cat " .. folder .. "/old")))
  end)
end)
