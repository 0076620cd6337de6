-- Certificates, and who they let in, between eddy, PyZMQ and CZMQ: each one's files in the hands of
-- each, and each one's client at each one's server.
local auth = require "eddy.auth"
local process = require "spec.support.process"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local here = EDDY_ROOT .. "/spec/interop/"
local python = process.quote(os.getenv("EDDY_PYTHON") or "/usr/bin/python3")
local folder = support.temp_dir()
local czmq = folder .. "/czmq"

-- How each is run, and what is missing when it cannot be.
local peers = {
  { name = "eddy", command = process.quote(EDDY_HOST) .. " " .. here .. "keys.lua" },
  { name = "PyZMQ", command = python .. " " .. here .. "keys.py" },
  { name = "CZMQ", command = czmq },
}
if process.shell(python .. " -c 'import zmq.auth.thread'") ~= 0 then
  peers[2].missing = "PyZMQ is not installed; on Debian: apt-get install python3-zmq"
end
local compile = "cc -o %s %skeys.c $(pkg-config --cflags --libs libczmq)"
if process.shell(compile:format(czmq, here)) ~= 0 then
  peers[3].missing = "CZMQ is not installed; on Debian: apt-get install libczmq-dev"
end

local function run(peer, ...)
  local words = { peer.command, ... }
  for i = 2, #words do words[i] = process.quote(words[i]) end
  return process.check(0, process.shell(table.concat(words, " ")))
end

local function missing(...)
  for _, peer in ipairs { ... } do
    if peer.missing then return peer.missing end
  end
end

-- A folder of a pair that this one makes, with the public file apart, too: NAME.key and
-- allowed/NAME.key. Made once.
local function keys_of(peer)
  local own = folder .. "/keys-" .. peer.name
  if not peer.made then
    assert.equal(0, (process.shell("mkdir -p " .. own .. "/allowed")))
    local name = peer.name == "CZMQ" and "peer.key" or "peer"
    run(peer, "create", own, name, "name=Al Bo", "x-role=a=b")
    -- PyZMQ lets others read it.
    process.shell(("cd %s && chmod 600 peer.key_secret && cp peer.key allowed/"):format(own))
    peer.made = true
  end
  return own
end

-- Starts a server that lets the keys of a folder in. Returns its endpoint, and what waits for its
-- end and returns what it complained of.
local function serve(peer, allowed)
  local errors = os.tmpname()
  local pipe = io.popen(("timeout -k 1 60 %s serve %s %s 2>%s"):format(peer.command,
    keys_of(peer) .. "/peer.key_secret", allowed, errors))
  local endpoint = pipe:read "*l"
  return endpoint, function()
    pipe:close()
    local file = assert(io.open(errors))
    local text = file:read "*a"
    file:close()
    os.remove(errors)
    return text
  end
end

-- How a client with these keys is refused.
local function refusal(endpoint, server_key, public, secret)
  local context = zmq.context { io_threads = 1 }
  local stranger = context:socket(zmq.REQ, { linger = 0, rcvtimeo = 20000,
    curve_serverkey = server_key, curve_publickey = public, curve_secretkey = secret })
  local pair = stranger:get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH +
    zmq.EVENT_HANDSHAKE_SUCCEEDED)
  pair.rcvtimeo = 20000
  stranger:connect(endpoint)
  local event = assert(zmq.recv_monitor_message(pair))
  context:destroy(0)
  return event.name, event.value
end

describe("certificates", function()
  teardown(function() process.shell("rm -rf " .. folder) end)

  for _, writer in ipairs(peers) do
    for _, reader in ipairs(peers) do
      it("of " .. writer.name .. " are read by " .. reader.name, function()
        local problem = missing(writer, reader)
        if problem then return pending(problem) end
        local own = keys_of(writer)
        local public, secret = run(reader, "load", own .. "/peer.key_secret"):match "^(%S+) (%S+)\n"
        assert.equal(public, zmq.curve_public(secret))
        local text = run(reader, "load", own .. "/allowed/peer.key")
        assert.equal(public .. " none\n", text)
        local other = zmq.curve_keypair()
        assert.equal(public .. "\n", (run(reader, "folder", own .. "/allowed", other, public)))
      end)
    end
  end

  it("have metadata that CZMQ reads, and eddy reads the metadata of all", function()
    local problem = missing(peers[3])
    if problem then return pending(problem) end
    local text = run(peers[3], "load", keys_of(peers[1]) .. "/peer.key", "name", "x-role")
    assert.matches("\nAl Bo\na=b\n$", text)
    for _, writer in ipairs(peers) do
      if not writer.missing then
        local _, _, metadata = auth.load_certificate(keys_of(writer) .. "/peer.key_secret")
        assert.same({ name = "Al Bo", ["x-role"] = "a=b" }, metadata)
      end
    end
  end)

  it("are found by eddy under CZMQ's own names", function()
    local problem = missing(peers[3])
    if problem then return pending(problem) end
    local own = folder .. "/txt"
    assert.equal(0, (process.shell("mkdir " .. own)))
    run(peers[3], "create", own, "joe.txt", "name=Joe")
    local public, secret = auth.load_certificate(own .. "/joe.txt_secret")
    assert.equal(public, zmq.curve_public(secret))
    assert.same({ [public] = { name = "joe", metadata = { name = "Joe" } } },
      (auth.load_certificates(own)))
  end)

  for _, server in ipairs(peers) do
    for _, client in ipairs(peers) do
      it("let " .. client.name .. " in at a server of " .. server.name .. "'s", function()
        local problem = missing(server, client)
        if problem then return pending(problem) end
        local servers, clients = keys_of(server), keys_of(client)
        local endpoint, finish = serve(server, clients .. "/allowed")
        assert.message("the server ended: " .. (endpoint or finish())).is_string(endpoint)
        local name, status = refusal(endpoint, auth.load_certificate(servers .. "/peer.key"),
          zmq.curve_keypair())
        assert.same({ "HANDSHAKE_FAILED_AUTH", 400 }, { name, status })
        local out = run(client, "ask", clients .. "/peer.key_secret", servers .. "/peer.key",
          endpoint, "hello", "end")
        local user = out:match "^hello (%S*)\n$"
        assert.message(out).is_string(user)
        if server.name == "PyZMQ" then
          assert.equal(auth.load_certificate(clients .. "/peer.key"), user)
        end
        assert.equal("", finish())
      end)
    end
  end
end)
