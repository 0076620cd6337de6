local eddy = require "eddy"
local support = require "spec.lua.support"
local nats = require "spec.support.nats"
local nkeys = require "spec.support.nkeys"
local shared = require "spec.lua.jetstream.support"

local missing = shared.missing or not nkeys.are_there() and "needs openssl with ed25519"
if missing then
  describe("who a link is", function() it("is told", function() pending(missing) end) end)
  return
end

describe("who a link is", function()
  local loop
  support.each(function(l) loop = l end)
  local folder, server, link
  before_each(function() folder = support.temp_dir() end)
  after_each(function()
    if link and loop._c then link:close() end
    if server then server:remove() end
    link, server = nil, nil
    os.execute("rm -r " .. folder)
  end)

  -- The first event of a link that tells whether it came in.
  local function first(options)
    options.loop, options[1] = loop, server.url
    if link then link:close() end
    link = eddy.jetstream.connect(options)
    local found
    link:on_event(function(event) found = found or event end)
    support.wait(loop, function() return found end)
    return found
  end

  local function is_refused(event, secret)
    assert.equal("CLOSED", event.name)
    assert.equal("EACCES", event.problem.name)
    assert.matches("does not let it in", event.problem.message)
    assert.is_nil(event.problem.message:find(secret, 1, true))
  end

  it("is told by an nkey", function()
    local known, other = nkeys.make(folder, "a", "user"), nkeys.make(folder, "b", "user")
    server = nats.start(("authorization { users: [ { nkey: %s } ] }"):format(known.public))
    assert.equal("CONNECTED", first({ nkey = { known.public, known.file } }).name)
    assert.is_nil(support.task(loop, function() return shared.api(link, "INFO").error end))
    is_refused(first { nkey = { other.public, other.file } }, other.seed)
    -- The right name, and not its seed.
    is_refused(first { nkey = { known.public, other.file } }, other.seed)
    is_refused(first {}, known.seed)
  end)

  it("is told by credentials: a JWT and its seed", function()
    local conf, credentials = nkeys.operator(folder)
    server = nats.start(conf, "one", { no_jetstream = true })
    local mine = credentials "me"
    assert.equal("CONNECTED", first({ creds = mine }).name)
    local answer = support.task(loop, function()
      local sub = link:subscribe "ask"
      sub:on_recv(function(_, request) request:reply "yes" end)
      return link:request("ask", "x"):await()
    end)
    assert.equal("yes", answer)
    local stranger = nkeys.make(folder, "stranger", "account")
    is_refused(first { creds = credentials("you", stranger) }, "SU")
    is_refused(first {}, "SU")
  end)

  it("is not told by files that are not there", function()
    server = nats.start "authorization { user: u, password: p }"
    local event = first { creds = folder .. "/none.creds" }
    assert.equal("CLOSED", event.name)
    assert.matches("none.creds", event.problem.message)
    event = first { nkey = { "UABC", folder .. "/none.nk" } }
    assert.equal("CLOSED", event.name)
    assert.matches("none.nk", event.problem.message)
  end)
end)
