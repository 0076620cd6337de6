-- A table that many programs share, by the Clustered Hashmap Protocol, of which others may be in
-- any language: a snapshot for who comes, updates from then on, subtrees, and keys that live for a
-- time.
--
--   ./examples/run clone                                                shows it, and ends
--   ./examples/run clone server tcp://127.0.0.1 5556                    serves, at three ports
--   ./examples/run clone set tcp://127.0.0.1 5556 /shop/pears 3 [TTL]   sets a key, and has it
--   ./examples/run clone watch tcp://127.0.0.1 5556 [/shop/]            prints what changes
local eddy = require "eddy"
local Client = require "clone.client"
local Server = require "clone.server"
local protocol = require "clone.protocol"

local loop = eddy.loop.instance()
local parts = {}

function parts.server(host, port)
  local server = Server.start(protocol.endpoints(host, port))
  loop:on_stop(function() server:close() end)
  print(("clone server at %s:%d"):format(host, port))
  io.stdout:flush()
end

function parts.set(host, port, key, value, ttl)
  local done = eddy.event()
  local client = Client.start(protocol.endpoints(host, port), { on_change = function(changed, new)
    if changed == key and (new or "") == value then done:set() end
  end })
  client.ready:await()
  done:clear() -- it may have been so before
  repeat -- a PUB's first message is lost when its connection is younger than that
    client:set(key, value, tonumber(ttl))
    eddy.with_timeout(100, done:wait()):await()
  until done:is_set()
  client:close()
end

function parts.watch(host, port, subtree)
  local client = Client.start(protocol.endpoints(host, port), { subtree = subtree,
    on_change = function(key, value)
      print(key, value or "is deleted")
      io.stdout:flush()
    end })
  loop:on_stop(function() client:close() end)
end

function parts.show()
  local endpoints = protocol.endpoints("inproc://clone", 5556)
  local server = Server.start(endpoints)
  local writer = Client.start(endpoints)
  server:update("/shop/apples", "", "", "2")
  server:update("/weather", "", "", "rain")
  local gone = eddy.future()
  local watcher = Client.start(endpoints, { subtree = "/shop/", on_change = function(key, value)
    print(key, value or "is deleted")
    if not value then gone:set_result() end
  end })
  eddy.gather(writer.ready, watcher.ready):await()
  print "the watcher has its snapshot"
  writer:set("/weather", "sun")
  writer:set("/shop/pears", "3", 0.05)
  gone:await()
  for _, each in ipairs { writer, watcher, server } do each:close() end
end

local part = parts[arg[1] or "show"]
if not part or arg[1] and not tonumber(arg[3]) then
  io.stderr:write("usage: clone [server HOST PORT | set HOST PORT KEY VALUE [TTL] | ",
    "watch HOST PORT [SUBTREE]]\n")
  os.exit(2)
end
part(arg[2], tonumber(arg[3]), unpack(arg, 4))
