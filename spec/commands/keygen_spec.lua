local auth = require "eddy.auth"
local folders = require "spec.support.folders"
local process = require "spec.support.process"

describe("eddy keygen", function()
  local folder
  folders.each(function(dir) folder = dir end)

  -- Runs it in the folder.
  local function keygen(...)
    local words = { ... }
    for i, word in ipairs(words) do words[i] = process.quote(word) end
    return process.shell(("cd %s && %s keygen %s"):format(folder, process.quote(EDDY_HOST),
      table.concat(words, " ")))
  end

  it("writes two files, and says what they are", function()
    local out, err = process.check(0, keygen("joe", "-m", "name=Al = Bo", "--metadata=empty="))
    assert.equal("", err)
    local key, secret, metadata = auth.load_certificate(folder .. "/joe.key_secret")
    assert.same({ name = "Al = Bo", empty = "" }, metadata)
    assert.equal(("joe.key  the public key: %s\njoe.key_secret  the secret key: leave it here, " ..
      "and show it to nobody\n"):format(key), out)
    assert.is_nil((out .. err):find(secret, 1, true))
    assert.same({ key, nil, metadata }, { auth.load_certificate(folder .. "/joe.key") })
  end)

  it("takes a folder before the name, and names that look like options", function()
    assert.equal(0, (process.shell("mkdir " .. folder .. "/keys")))
    local out = process.check(0, keygen("keys/joe"))
    assert.matches("^keys/joe.key  .*\nkeys/joe.key_secret  ", out)
    process.check(0, keygen("--", "-m"))
    assert(auth.load_certificate(folder .. "/-m.key"))
    process.check(0, keygen(folder .. "/whole"))
    assert(auth.load_certificate(folder .. "/whole.key"))
  end)

  it("overwrites nothing", function()
    process.check(0, keygen("joe"))
    local before = auth.load_certificate(folder .. "/joe.key")
    local out, err = process.check(1, keygen("joe"))
    assert.equal("", out)
    assert.matches("^eddy: keygen: joe.key is there already, and is not overwritten", err)
    assert(os.remove(folder .. "/joe.key"))
    err = select(2, process.check(1, keygen("joe")))
    assert.matches("joe.key_secret is there already", err)
    assert.equal(before, (auth.load_certificate(folder .. "/joe.key_secret")))
  end)

  it("says what is wrong", function()
    local wrong = {
      { 2, "no name" }, { 2, "no name", "" }, { 2, "no name", "keys/" },
      { 2, "more than one name: b", "a", "b" }, { 2, "unknown option %-x", "-x" },
      { 2, "%-m needs KEY=VALUE", "a", "-m" }, { 2, "%-m needs KEY=VALUE", "a", "-m", "name" },
      { 2, "%-m needs KEY=VALUE", "a", "--metadata==x" },
      { 2, "%-m b comes twice", "a", "-m", "b=1", "-m", "b=2" },
      { 2, "leave %.key away: eddy keygen joe ", "joe.key" },
      { 2, "leave %.key_secret away: eddy keygen keys/joe ", "keys/joe.key_secret" },
      { 2, "names of letters, digits and .*, not 'b c'", "a", "-m", "b c=1" },
      { 2, "metadata cannot be called public%-key", "a", "-m", "public-key=1" },
      { 2, "more than one line", "a", "-m", "b=1\n2" },
      { 1, "there is no folder for no/such/a.key_secret: make it first", "no/such/a" },
    }
    for _, case in ipairs(wrong) do
      local out, err = process.check(case[1], keygen(unpack(case, 3)))
      assert.equal("", out)
      assert.matches("^eddy: keygen: [^\n]*" .. case[2] .. "[^\n]*\n$", err)
    end
    assert.equal(0, (process.shell("rmdir " .. folder)))
  end)

  it("has a usage, and is in the host's", function()
    local out = process.check(0, keygen("--help"))
    assert.matches("^usage: eddy keygen %[options%] NAME\n", out)
    assert.equal(out, (process.check(0, keygen("joe", "-h"))))
    assert.matches("\n  keygen NAME ", (process.check(0, process.eddy("--help"))))
  end)
end)
