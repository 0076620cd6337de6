-- Clients that keep their connections and ask one request after the other, over cqueues' sockets.
-- usage: http_clients.lua PORT CLIENTS REQUESTS. Prints the requests a second, and the 99th
-- percentile of the time that one takes, in ms.
local cqueues = require "cqueues"
local connect = require "cqueues.socket".connect

local port, clients, requests = arg[1], tonumber(arg[2]), tonumber(arg[3])
local REQUEST = "POST /square HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n" .. '{"number": 7}'
local queue, times, start = cqueues.new(), {}, nil

local function ask(socket)
  assert(socket:xwrite(REQUEST, "bn", 30))
  local size
  for line in function() return socket:xread("*l", 30) end do
    size = size or tonumber(line:lower():match("^content%-length: *(%d+)"))
    if line == "" or line == "\r" then break end
  end
  assert(socket:xread(size, 30))
end

for _ = 1, clients do
  queue:wrap(function()
    local socket = connect("127.0.0.1", port)
    assert(socket:connect(30))
    socket:setmode("b", "bn")
    for i = 1, requests do
      local began = cqueues.monotime()
      ask(socket)
      if i > requests / 10 then -- then it is warm
        start = start or began
        times[#times + 1] = cqueues.monotime() - began
      end
    end
    socket:close()
  end)
end
assert(queue:loop())
local took = cqueues.monotime() - start
table.sort(times)
print(("%.0f %.1f"):format(#times / took, times[math.ceil(#times * 0.99)] * 1e3))
