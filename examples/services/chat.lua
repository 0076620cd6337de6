-- A chat with rooms, whose history who comes late gets: a server, and a client for terminals.
--
--   ./examples/run chat                                          shows it, and ends
--   ./examples/run chat serve tcp://127.0.0.1:5555
--   ./examples/run chat join tcp://127.0.0.1:5555 kitchen ann    then type; /help tells the rest
--
-- For other machines, with keys by `eddy keygen NAME`, which say who somebody is:
--   ./examples/run chat serve 'tcp://*:5555' server.key_secret folder-of-their-keys
--   ./examples/run chat join tcp://10.0.0.1:5555 kitchen ann server.key ann.key_secret
local eddy = require "eddy"
local Client = require "chat.client"
local Server = require "chat.server"
local text = require "chat.text"

local loop = eddy.loop.instance()

local function say(...)
  io.write(text.clean(table.concat({ ... }, " ")), "\n")
  io.flush()
end

local function serve(endpoint, secret, folder)
  local server = Server.start { bind = endpoint,
    curve = secret and { secret = secret, allow = folder } or nil }
  loop:on_stop(function() server:close() end)
  say("chat at", server.stream.socket.last_endpoint)
end

local HELP = "/join ROOM, /who, /quit; all else is said"

-- What is typed, until it ends.
local function type_in(client)
  io.stdin:setvbuf "no" -- a line that were kept in a buffer would not wake the loop
  loop:add_handler(io.stdin, function()
    local line = io.read()
    local command, word = (line or "/quit"):match "^/(%w+)%s*(%S*)"
    if not command then
      client:say(line)
    elseif command == "quit" then
      loop:remove_handler(io.stdin)
      client:close()
      loop:stop_gracefully()
    elseif command == "join" and word ~= "" then
      client:enter(word)
    elseif command == "who" then
      client:who()
    else
      say(HELP)
    end
  end, loop.READ)
end

local function join(endpoint, room, name, server_key, secret)
  local settings = { connect = endpoint,
    curve = secret and { server = server_key, secret = secret } or nil }
  type_in(Client.join(settings, room, name, {
    line = function(who, said, ms) say(os.date("%H:%M", ms / 1000), who .. ":", said) end,
    note = function(said) say("--", said) end,
    names = function(names) say("-- here:", unpack(names)) end,
    refused = function(why) say("-- refused:", why) end,
  }))
end

-- Two who talk, and one who comes later.
local function show()
  local server = Server.start({ bind = "inproc://chat" }, { kept = 2 })
  local function come(name)
    local heard = eddy.queue(math.huge)
    local client = Client.join({ connect = "inproc://chat" }, "kitchen", name, {
      line = function(who, said) heard:put(who .. ": " .. said) end,
      note = function(said) heard:put("-- " .. said) end,
    })
    return client, function(count)
      for _ = 1, count do say(heard:get():await()) end
    end
  end
  local ann, ann_hears = come "ann"
  ann_hears(1)
  local ben = come "ben"
  ann_hears(1)
  for i, line in ipairs { "is there tea?", "in a minute", "splendid" } do
    local who = i == 2 and ben or ann
    who:say(line)
    ann_hears(1)
  end
  say "and what cleo gets, who comes later:"
  local cleo, cleo_hears = come "cleo"
  cleo_hears(3)
  for _, each in ipairs { ann, ben, cleo, server } do each:close() end
end

local mode, endpoint, more = arg[1], arg[2], { unpack(arg, 3) }
if mode == "serve" and endpoint and (#more == 0 or #more == 2) then
  serve(endpoint, unpack(more))
elseif mode == "join" and (#more == 2 or #more == 4) then
  join(endpoint, unpack(more))
elseif mode then
  io.stderr:write("usage: chat [serve ENDPOINT [SECRET-KEY FOLDER] | ",
    "join ENDPOINT ROOM NAME [SERVER-KEY SECRET-KEY]]\n")
  os.exit(2)
else
  show()
end
