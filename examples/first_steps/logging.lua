-- Logging: records are published under topics such as shop.WARN.stock, and who is interested
-- subscribes to a part of them. Here publisher and watcher are one script; elsewhere
-- `eddy log-watch --color tcp://...` is the watcher.
-- Run it: ./examples/run logging
local eddy = require "eddy"
local log = require "eddy.log"
local zmq = require "eddy.zmq"

local context, loop = zmq.instance(), eddy.loop.instance()

-- An XPUB is a PUB that also receives: it hears of subscriptions. A handler makes a PUB of its
-- own when it is given an endpoint.
local publisher = eddy.stream(context:socket(zmq.XPUB, { bind = "tcp://127.0.0.1:*" }))
local logger = log.logger("shop", {
  handlers = { log.pub_handler(publisher, { root_topic = "shop" }) },
})

local watcher = eddy.stream(context:socket(zmq.SUB, {
  subscribe = { "shop.INFO", "shop.WARN" },
  connect = publisher.socket.last_endpoint,
}))
local left = 3
watcher:on_recv(function(msg)
  io.write(msg[1], " | ", msg[2])
  left = left - 1
  if left == 0 then loop:stop() end
end)

-- What is logged before anybody subscribed is lost: this begins with the second subscription.
local function open_the_shop()
  logger:info("the shop is open")
  logger:debug("nobody has subscribed to this")
  logger:warn("stock::only %d apples left", 2)
  logger:info("orders::order %d: %d %s", 7, 3, "pears")
end

local subscriptions = 0
publisher:on_recv(function()
  subscriptions = subscriptions + 1
  if subscriptions == 2 then open_the_shop() end
end)

loop:start()
