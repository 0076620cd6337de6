local auth = require "eddy.auth"
local certificates = require "eddy.security.certificates"
local process = require "spec.support.process"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local is_root = process.shell("test $(id -u) = 0") == 0

-- A public key that has all that a careless reader would cut off, and a pair.
local HASHED = ("a#=#%:./?#"):rep(4)
local public, secret = zmq.curve_keypair()

local readers = {
  auth.load_certificate, certificates.load_public, certificates.load_secret,
}

describe("certificates", function()
  local folder
  before_each(function() folder = support.temp_dir() end)
  after_each(function() process.shell("rm -rf " .. folder) end)

  local function write(name, text, mode)
    local path = folder .. "/" .. name
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    assert.equal(0, (process.shell("chmod " .. (mode or "600") .. " " .. path)))
    return path
  end

  local function mode_of(path)
    local _, out = process.shell("stat -c %a " .. process.quote(path))
    return out:match "%d+"
  end

  local function raised(name, fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    assert.message(tostring(err)).equal(name, type(err) == "table" and err.name or "a misuse")
    return tostring(err)
  end

  local function misused(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    assert.matches("certificates_spec.lua:", err)
    return err
  end

  it("are written in two files, of which the secret one is its owner's", function()
    local public_path, secret_path = auth.create_certificates(folder, "joe",
      { name = "Al # Bo", age = 7 })
    assert.equal(folder .. "/joe.key", public_path)
    assert.equal(folder .. "/joe.key_secret", secret_path)
    assert.equal("644", mode_of(public_path))
    assert.equal("600", mode_of(secret_path))
    local key, own, metadata = auth.load_certificate(secret_path)
    assert.equal(key, zmq.curve_public(own))
    assert.same({ name = "Al # Bo", age = "7" }, metadata)
    local again, none, same = auth.load_certificate(public_path)
    assert.equal(key, again)
    assert.is_nil(none)
    assert.same(metadata, same)
    local _, out = process.shell("ls -A " .. folder)
    assert.equal("joe.key\njoe.key_secret\n", out)
  end)

  it("have their modes whatever the umask", function()
    for _, umask in ipairs { "000", "077" } do
      assert.equal(0, (process.shell(("umask %s; %s keygen %s/u%s"):format(umask,
        process.quote(EDDY_HOST), folder, umask))))
      assert.equal("644", mode_of(folder .. "/u" .. umask .. ".key"))
      assert.equal("600", mode_of(folder .. "/u" .. umask .. ".key_secret"))
    end
  end)

  it("are never overwritten, and never half a pair", function()
    write("a.key", "mine")
    write("b.key_secret", "mine")
    process.shell(("cd %s; ln -s nowhere c.key; ln -s nowhere d.key_secret"):format(folder))
    for _, name in ipairs { "a", "b", "c", "d" } do
      raised("EEXIST", auth.create_certificates, folder, name)
    end
    local _, out = process.shell("cd " .. folder .. "; ls; cat a.key b.key_secret")
    assert.equal("a.key\nb.key_secret\nc.key\nd.key_secret\nminemine", out)
    assert.matches("no/such/x%.key_secret",
      raised("ENOENT", auth.create_certificates, "no/such", "x"))
  end)

  it("refuse names and metadata that other readers would take for something else", function()
    for _, name in ipairs { "", "a/b", "..", ".", "a\nb", "a\0b" } do
      misused(auth.create_certificates, folder, name)
    end
    for _, metadata in ipairs { { ["a b"] = "1" }, { [""] = "1" }, { ["public-key"] = "1" },
        { ["secret-keys"] = "1" }, { a = "1\n    public-key = 2" }, { a = "\"'" },
        { a = {} }, { "x" }, "text" } do
      misused(auth.create_certificates, folder, "x", metadata)
    end
    misused(auth.create_certificates)
    misused(auth.load_certificate)
    misused(auth.load_certificate, 7)
    local _, out = process.shell("ls -A " .. folder)
    assert.equal("", out)
  end)

  it("are read as PyZMQ writes them", function()
    local text = ("#   ****  Generated on 2026-01-01 by pyzmq  ****\n# CURVE **Secret**\n\n" ..
      "metadata\n    name = Al Bo\n    note = public-key = none\ncurve\n" ..
      '    public-key = "%s"\n    secret-key = "%s"\n'):format(public, secret)
    local key, own, metadata = auth.load_certificate(write("a.key_secret", text))
    assert.same({ public, secret, { name = "Al Bo", note = "public-key = none" } },
      { key, own, metadata })
  end)

  it("are read with any indentation, quotes, ends of lines, and comments outside quotes", function()
    local forms = {
      "public-key = \"%s\"", "curve\n  public-key='%s'", "curve\r\n\tpublic-key  =  \"%s\"\r\n",
      "curve # keys\n    public-key = %s", "curve\n    public-key = %s # \"comment\"",
      "curve\n    public-key = \"%s\" # comment",
      "\239\187\191metadata\ncurve\npublic-key = \"%s\"",
      "metadata\n    public-key = \"no\"\ncurve\n    # public-key = \"x\"\n    public-key = \"%s\"",
      "curve\n    public-key = \"%s\"\n    secret-key = \"" .. ("0"):rep(40) .. "\"",
    }
    for i, form in ipairs(forms) do
      for _, key in ipairs { HASHED, public } do
        local text = form:gsub("%%s", (key:gsub("%%", "%%%%")))
        local path = write("x" .. i, text)
        assert.message(text).equal(key, (certificates.load_public(path)))
        assert.is_nil((select(2, auth.load_certificate(path))))
      end
    end
    local path = write("m", 'metadata\n    a = "1 # 2" # 3\n    b = 1 # 2\n    c = x=y\n' ..
      '    d = \'"\'\n    e =\n    f = "a" "b"\ncurve\n    public-key = "' .. public .. '"\n')
    assert.same({ a = "1 # 2", b = "1", c = "x=y", d = '"', e = "", f = "a" },
      select(2, certificates.load_public(path)))
  end)

  it("that are none say what is wrong, and never show what is in them", function()
    local both = '%s-key = "%s"\n%s-key = "%s"\n'
    local texts = {
      [""] = "no public%-key", ["\0\1"] = "no text", ["curve\n"] = "no public%-key",
      ['public-key = "short"'] = "public%-key is no key",
      ['public-key = "' .. ("~"):rep(40) .. '"'] = "public%-key is no key",
      ['public-key = "' .. ("#"):rep(40) .. '"'] = "public%-key is no key",
      [both:format("public", public, "secret", secret:sub(2))] = "secret%-key is no key",
      [both:format("public", public, "public", HASHED)] = "two of public%-key",
      [both:format("public", HASHED, "secret", secret)] = "no pair",
      ['metadata\n  public-key = "' .. public .. '"'] = "no public%-key",
    }
    for text, problem in pairs(texts) do
      for _, fn in ipairs(readers) do
        local err = raised("EBADMSG", fn, write("bad.key", text))
        assert.matches(problem, err)
        assert.matches(folder .. "/bad.key", err, 1, true)
        assert.is_nil(err:find(secret:sub(2), 1, true))
      end
    end
    raised("EBADMSG", certificates.load_secret, write("p.key", 'public-key = "' .. public .. '"'))
    raised("EISDIR", auth.load_certificate, folder)
    raised("ENOENT", auth.load_certificate, folder .. "/none.key")
    raised("EFBIG", auth.load_certificate, write("large", ("x"):rep(65537)))
    raised("EINVAL", auth.load_certificate, "/dev/null")
    process.shell("mkfifo " .. folder .. "/pipe")
    raised("EINVAL", auth.load_certificate, folder .. "/pipe")
  end)

  it("may be given as the key itself", function()
    assert.same({ public, {} }, { certificates.load_public(public) })
    assert.same({ public, secret, {} }, { certificates.load_secret(secret) })
    -- A name that is as long as a key.
    local name = folder .. "/" .. ("n"):rep(40 - #folder - 5) .. ".key"
    assert.equal(40, #name)
    assert.same({ name, {} }, { certificates.load_public(name) })
    assert.is_true(certificates.is_key(name))
    local path = write("x", 'public-key = "' .. HASHED .. '"')
    assert(os.rename(path, name))
    assert.equal(HASHED, (certificates.load_public(name)))
    assert(os.remove(name))
    assert.equal(0, (process.shell("mkdir " .. name)))
    assert.is_false(certificates.is_key(name))
  end)

  it("that were mistyped are not shown: they might be secret", function()
    for _, text in ipairs { secret:sub(2), secret .. "x", secret:gsub("^.", "~"), " " .. secret,
        secret .. "\n" } do
      for _, fn in ipairs(readers) do
        local ok, err = pcall(fn, text)
        assert.is_false(ok)
        assert.matches(#text .. " characters", tostring(err))
        assert.is_nil(tostring(err):find(secret:sub(5, 30), 1, true))
        assert.is_nil(debug.traceback(tostring(err)):find(secret:sub(5, 30), 1, true))
      end
    end
    for _, path in ipairs { folder .. "/none", "/dev/no-such-file-at-all", "none" } do
      assert.matches(path, raised("ENOENT", certificates.load_secret, path), 1, true)
    end
    assert.matches("keys/joe.key_secret",
      raised("ENOENT", certificates.load_secret, "keys/joe.key_secret"))
  end)

  it("are found by their public file, as CZMQ does", function()
    local public_path, secret_path = auth.create_certificates(folder, "joe")
    local key, own = certificates.load_secret(public_path)
    assert.same({ key, own, {} }, { certificates.load_secret(secret_path) })
    process.shell("chmod 640 " .. secret_path)
    assert.matches("joe.key_secret", raised("EACCES", certificates.load_secret, public_path))
    assert.equal(key, (certificates.load_public(public_path)))
  end)

  it("with a secret that others can have are refused, with the command to type", function()
    local path = select(2, auth.create_certificates(folder, "it's mine"))
    for _, mode in ipairs { "640", "620", "604", "602", "644", "601", "610" } do
      process.shell("chmod " .. mode .. " " .. process.quote(path))
      for _, fn in ipairs { certificates.load_secret, auth.load_certificate } do
        local err = raised("EACCES", fn, path)
        local command = err:match "type:  (chmod .-): "
        assert.message(err).is_string(command)
        assert.equal(0, (process.shell(command)))
        assert.equal("600", mode_of(path))
        fn(path)
        process.shell("chmod " .. mode .. " " .. process.quote(path))
      end
    end
    process.shell("chmod 400 " .. process.quote(path))
    assert.equal(40, #select(2, certificates.load_secret(path)))
  end)

  it("with a secret of another owner are refused", function()
    if not is_root then return pending("only root can give a file away") end
    local path = select(2, auth.create_certificates(folder, "joe"))
    process.shell("chown 12345 " .. path)
    local err = raised("EACCES", certificates.load_secret, path)
    assert.matches("belongs to another user", err)
    assert.equal(0, (process.shell(err:match "type:  (chown .-): ")))
    assert.equal(40, #select(2, certificates.load_secret(path)))
  end)

  it("are looked for where systemd has a service's credentials", function()
    auth.create_certificates(folder, "server")
    process.shell("chmod 440 " .. folder .. "/server.key_secret")
    local script = [[local c = require "eddy.security.certificates"
      for _, name in ipairs { "server.key_secret", "server.key", "./server.key_secret" } do
        print((pcall(c.load_secret, name)))
      end
      print((c.load_public "server.key"))]]
    local function run(variable)
      local _, out, err = process.shell(("cd / && CREDENTIALS_DIRECTORY=%s %s -e %s"):format(
        variable, process.quote(EDDY_HOST), process.quote(script)))
      return out, err
    end
    local key = auth.load_certificate(folder .. "/server.key")
    -- An access list shows as the group's right there.
    assert.equal("true\ntrue\nfalse\n" .. key .. "\n", (run(folder)))
    assert.equal("true\ntrue\nfalse\n" .. key .. "\n", (run(folder .. "/")))
    process.shell("chmod 444 " .. folder .. "/server.key_secret")
    assert.equal("false\nfalse\nfalse\n" .. key .. "\n", (run(folder)))
    assert.matches("server.key: No such file", select(2, run("")))
  end)

  describe("of a folder", function()
    local function certificate(key, name)
      return ('metadata\n    name = "%s"\ncurve\n    public-key = "%s"\n'):format(name, key)
    end

    it("are the public keys in it, of PyZMQ's names and CZMQ's", function()
      write("joe.key", certificate(public, "Joe"))
      write("ann.txt", certificate(HASHED, "Ann"))
      write("joe.key_secret", certificate(zmq.curve_keypair(), "secret"))
      write("ann.txt_secret", "whatever")
      write("README", "who is who")
      write(".hidden.key", certificate(zmq.curve_keypair(), "hidden"))
      write("old.key~", certificate(zmq.curve_keypair(), "old"))
      process.shell(("mkdir %s/revoked && mv %s %s/revoked/"):format(folder,
        write("eve.key", certificate(zmq.curve_keypair(), "Eve")), folder))
      assert.same({
        { [public] = { name = "joe", metadata = { name = "Joe" } },
          [HASHED] = { name = "ann", metadata = { name = "Ann" } } }, {} },
        { auth.load_certificates(folder) })
    end)

    it("are read although some are bad, of which it tells", function()
      write("joe.key", certificate(public, "Joe"))
      write("empty.key", "")
      write("cut.txt", 'public-key = "' .. public:sub(2) .. '"')
      process.shell("ln -s nowhere " .. folder .. "/gone.key; mkdir " .. folder .. "/d.key")
      local keys, problems = auth.load_certificates(folder)
      assert.equal("joe", keys[public].name)
      assert.equal(2, #problems)
      assert.equal(folder .. "/cut.txt: its public-key is no key of 40 characters", problems[1])
      assert.equal(folder .. "/empty.key: there is no public-key in it", problems[2])
    end)

    it("may be many", function()
      local long = ("long"):rep(50)
      for i = 1, 100 do write(long .. i .. ".key", certificate(zmq.curve_keypair(), i)) end
      local keys, count = auth.load_certificates(folder), 0
      for _, found in pairs(keys) do
        count = count + 1
        assert.equal(long .. found.metadata.name, found.name)
      end
      assert.equal(100, count)
    end)

    it("raise when there is none", function()
      assert.matches("no/such", raised("ENOENT", auth.load_certificates, "no/such"))
      raised("ENOTDIR", auth.load_certificates, write("file", ""))
      misused(auth.load_certificates, 7)
    end)
  end)
end)
