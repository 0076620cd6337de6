local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local _, server_secret = zmq.curve_keypair()
local joes_key = ("k"):rep(32)

describe("who answers libzmq", function()
  local loop, context, asker
  support.each(function(...)
    loop, context = ...
    context:socket(zmq.PULL, { curve = { secret = server_secret, allow = "any" },
      bind = "tcp://127.0.0.1:*" })
    asker = context:socket(zmq.DEALER, { linger = 0, rcvtimeo = 5000,
      connect = "inproc://zeromq.zap.01" })
  end)

  local function answer(...)
    asker:send_multipart { "", ... }
    local got = assert(asker:recv_multipart())
    assert.same({ "", "1.0" }, { got[1], got[2] })
    return got[4], got[3], got[5], got[6]
  end

  local function ask(...) return answer("1.0", "7", ...) end

  it("says 500 to what is no request, and goes on", function()
    local long = ("x"):rep(256)
    for _, request in ipairs {
      { "1.0", "7" }, { "1.0", "7", "", "", "" }, { "1.1", "7", "", "", "", "NULL" },
      { "1.0", "7", "", "", "", "CURVE" }, { "1.0", "7", "", "", "", "CURVE", "short" },
      { "1.0", "7", "", "", "", "CURVE", joes_key, joes_key },
      { "1.0", "7", "", "", "", "PLAIN", "user" }, { "1.0", "7", "", "", "", "OTHER" },
      { "1.0", "7", long, "", "", "NULL" }, { "1.0", "7", "", long, "", "NULL" },
      { "1.0", "7", "", "", "", "PLAIN", long, "" }, { "1.0", "7", "", "", "", "NULL", "x" },
      { "1.0", "7", "", "", "", "NULL", "x", "x", "x", "x", "x", "x", "x", "x" },
      { "1.0", long, "", "", "", "NULL" }, { "" }, {} } do
      local status, id, reason, user = answer(unpack(request))
      assert.equal("500", status)
      assert.equal(request[2] ~= long and request[2] or "", id)
      assert.is_true(#reason > 0)
      assert.equal("", user)
    end
    asker:send "no delimiter"
    assert.equal("500", asker:recv_multipart()[4])
    assert.equal("400", (ask("nowhere", "1.2.3.4", "", "CURVE", joes_key)))
  end)

  it("refuses a domain that nobody made", function()
    assert.equal("400", (ask("nowhere", "1.2.3.4", "", "NULL")))
    assert.equal("200", (ask("", "1.2.3.4", "", "NULL")))
  end)

  it("tells the key of who comes in", function()
    local status, id, _, user = ask("nowhere", "", "", "CURVE", joes_key)
    assert.same({ "400", "7", "" }, { status, id, user })
    local server = context:socket(zmq.PULL, { curve = { secret = server_secret, allow = "any" } })
    status, _, _, user = ask(server.zap_domain, "", "", "CURVE", joes_key)
    assert.same({ "200", zmq.z85_encode(joes_key) }, { status, user })
    local domain = server.zap_domain
    server:close()
    assert.equal("400", (ask(domain, "", "", "CURVE", joes_key)))
  end)

  it("holds an address up that was refused too often, but for those who may come in", function()
    local server = context:socket(zmq.PULL, { curve = { secret = server_secret,
      allow = { zmq.z85_encode(joes_key) } } })
    local other = ("o"):rep(32)
    local function try(address, key) return (ask(server.zap_domain, address, "", "CURVE", key)) end
    for _ = 1, 5 do assert.equal("400", try("192.0.2.1", other)) end
    assert.equal("300", try("192.0.2.1", other))
    assert.equal("200", try("192.0.2.1", joes_key))
    assert.equal("400", try("192.0.2.2", other))
    for _ = 1, 9 do assert.equal("400", try("127.0.0.1", other)) end
  end)

  it("has a line a minute and address in the log of a loop", function()
    local server = context:socket(zmq.PULL, { curve = { secret = server_secret, allow = {} } })
    eddy.stream(server, loop)
    for _ = 1, 3 do ask(server.zap_domain, "192.0.2.7", "", "CURVE", joes_key) end
    ask(server.zap_domain, "192.0.2.8", "", "CURVE", joes_key)
    local text = ""
    support.wait(loop, function()
      text = text .. support.take_log() .. "\n"
      return text:find("192.0.2.8", 1, true)
    end)
    local _, lines = text:gsub("192%.0%.2%.7 was refused: Unknown key", "")
    assert.equal(1, lines)
  end)

  it("is one for a context, and nobody else may be", function()
    local ok, err = pcall(context.socket, context, zmq.REP, { bind = "inproc://zeromq.zap.01" })
    assert.is_false(ok)
    assert.equal("EADDRINUSE", err.name)
    local own = zmq.context { io_threads = 1 }
    own:socket(zmq.REP, { bind = "inproc://zeromq.zap.01" })
    ok, err = pcall(own.socket, own, zmq.PULL,
      { curve = { secret = server_secret, allow = "any" } })
    assert.is_false(ok)
    assert.equal("EADDRINUSE", err.name)
    own:destroy(0)
  end)
end)
