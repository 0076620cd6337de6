-- Every table of options that the public functions take: each of its names, misspelt, is told, with
-- the one that was meant.
local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

-- A name with two letters that have changed places.
local function misspelt(name)
  for i = math.floor(#name / 2), #name - 1 do
    local a, b = name:sub(i, i), name:sub(i + 1, i + 1)
    if a ~= b then return name:sub(1, i - 1) .. b .. a .. name:sub(i + 2) end
  end
end

describe("a misspelt name of an option is told, with the one that was meant, by", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function stream(kind) return eddy.stream(context:socket(kind or zmq.PAIR), loop) end
  local function authenticator(fn)
    local auth = eddy.auth.authenticator(context)
    auth:start()
    local results = { pcall(fn, auth) }
    auth:stop()
    if not results[1] then error(results[2], 0) end
  end
  local certificate = { secret = select(2, zmq.curve_keypair()) }

  -- By what takes them: their names, and a call with a table.
  local takers = {
    ["zmq.context"] = { "io_threads", zmq.context },
    ["context:socket"] = { "linger bind connect subscribe rcvhwm hwm curve insecure accept shared",
      function(options) context:socket(zmq.PAIR, options) end },
    ["curve"] = { "allow server", function(options)
      options.secret = certificate.secret
      context:socket(zmq.PAIR, { curve = options })
    end },
    ["socket:revoke"] = { "cut", function(options)
      context:socket(zmq.PAIR, { curve = { secret = certificate.secret, allow = {} } }):revoke(
        zmq.curve_keypair(), options)
    end },
    ["auth:revoke"] = { "cut", function(options)
      authenticator(function(auth) auth:revoke(zmq.curve_keypair(), options) end)
    end },
    ["stream:send"] = { "callback", function(options) stream():send("x", options) end },
    ["stream:send_multipart"] = { "callback",
      function(options) stream():send_multipart({ "x" }, options) end },
    ["stream:close"] = { "drain linger", function(options) stream():close(options) end },
    ["stream:supervise"] = { "first longest", function(options) stream():supervise(options) end },
    ["stream:set_send_limit"] = { "bytes messages policy",
      function(options) stream():set_send_limit(options) end },
    ["stream:trace"] = { "count full", function(options) stream():trace(print, options) end },
    ["loop:embed"] = { "fd step timeout alive",
      function(options) loop:embed(options) end },
    ["loop.set_watchdog"] = { "report interrupt abort signal", eddy.loop.set_watchdog },
    ["first"] = { "cancel", function(options)
      options[1] = eddy.future(loop)
      eddy.first(options)
    end },
    ["process.spawn"] = { "stdin stdout stderr env clear_env cwd group detach parent_death " ..
      "descriptors loop name", eddy.process.spawn },
    ["process.run"] = { "input timeout max_output stdin stdout stderr env clear_env cwd group " ..
      "detach parent_death descriptors loop name", eddy.process.run },
    ["jobs"] = { "module workers queue on_full timeout grace env cwd name loop", eddy.jobs },
    ["thread.start"] = { "name", function(options)
      options[1] = print
      eddy.thread.start(options)
    end },
    ["front.worker"] = { "handle credit loop error_reply connect linger", eddy.front.worker },
    ["devices.front"] = { "retry queue", eddy.devices.front },
    ["counters.open"] = { "command worker", require("eddy.counters").open },
    ["profile.start"] = { "interval depth lines", eddy.profile.start },
    ["testing.new"] = { "virtual_time leak_check", eddy.testing.new },
    ["testing.each"] = { "virtual_time leak_check",
      eddy.testing.each },
    ["log.logger"] = { "level handlers", eddy.log.logger },
    ["log.topic_logger"] = { "level handlers", eddy.log.topic_logger },
    ["log.stderr_handler"] = { "level repeats", eddy.log.stderr_handler },
    ["log.file_handler"] = { "level repeats hangup",
      function(options) eddy.log.file_handler("/dev/null", options) end },
    ["log.pub_handler"] = { "context root_topic",
      function(options) eddy.log.pub_handler("inproc://x", options) end },
    ["metric:with"] = { "kind", function(options)
      eddy.metrics.counter("spec_options", "help", { "kind" }):with(options)
    end },
    ["jetstream.connect"] = { "name user password token creds nkey tls timeout reconnect_wait " ..
      "ping_interval domain loop", eddy.jetstream.connect },
    ["jetstream tls"] = { "ca cert key ciphers host insecure", function(options)
      eddy.jetstream.connect { "nats://127.0.0.1:1", tls = options }
    end },
  }

  for taker, each in pairs(takers) do
    it(taker, function()
      for name in each[1]:gmatch "%S+" do
        local wrong = misspelt(name)
        local ok, err = pcall(each[2], { [wrong] = 1 })
        assert.is_false(ok)
        local told = ("'%s' (did you mean %s?)"):format(wrong, name)
        assert.message(name .. ": " .. tostring(err)).truthy(tostring(err):find(told, 1, true))
      end
    end)
  end

  -- Values of which there are few.
  local values = {
    ["on_signal"] = { "SIGTERM HUP", function(name) loop:on_signal(name, print) end },
    ["set_watchdog's signal"] = { "SIGINT",
      function(name) eddy.loop.set_watchdog { signal = name } end },
    ["a process's parent_death"] = { "KILL",
      function(name) eddy.process.spawn { "true", parent_death = name } end },
    ["a level of the log"] = { "INFO WARN", function(name) eddy.log.logger { level = name } end },
    ["on_full of jobs"] = { "drop_oldest",
      function(name) eddy.jobs { module = "x", on_full = name } end },
    ["a send limit's policy"] = { "drop_newest",
      function(name) stream():set_send_limit { policy = name } end },
    ["an option of a context"] = { "io_threads", function(name) context:set(name, 1) end },
    ["an attribute of a socket"] = { "rcvhwm",
      function(name) context:socket(zmq.PAIR)[name] = 1 end },
  }

  for what, each in pairs(values) do
    it(what, function()
      for name in each[1]:gmatch "%S+" do
        local ok, err = pcall(each[2], misspelt(name))
        assert.is_false(ok)
        assert.message(tostring(err)).truthy(tostring(err):find(
          ("'%s' (did you mean %s?)"):format(misspelt(name), name), 1, true))
      end
    end)
  end
end)

describe("what is nearest", function()
  local nearest = require "eddy.base.nearest"

  it("is what differs by two letters that have changed places, before others", function()
    assert.equal(" (did you mean tcp?)", nearest("tpc", { tcp = 1, ipc = 1 }))
    assert.equal(" (did you mean drain?)", nearest("drian", { drain = 1, linger = 1 }))
    assert.equal(" (did you mean SIGHUP?)", nearest("sighpu", { SIGHUP = 1, HUP = 1 }))
    assert.equal("", nearest("ab", { cd = 1 }))
  end)
end)

describe("a function of a module that is called with a colon", function()
  local calls = {
    ["zmq.context"] = function() zmq:context() end,
    ["zmq.has"] = function() zmq:has "curve" end,
    ["zmq.strerror"] = function() zmq:strerror(5) end,
    ["eddy.sleep"] = function() eddy:sleep(5) end,
    ["eddy.spawn"] = function() eddy:spawn(print) end,
    ["eddy.queue"] = function() eddy:queue(5) end,
    ["eddy.gather"] = function() eddy:gather(eddy.sleep(1)) end,
    ["process.run"] = function() eddy.process:run { "true" } end,
    ["thread.start"] = function() eddy.thread:start(print) end,
    ["metrics.counter"] = function() eddy.metrics:counter("a", "b") end,
    ["log.logger"] = function() eddy.log:logger "a" end,
    ["service.status"] = function() eddy.service:status "a" end,
  }

  for name, call in pairs(calls) do
    it("says so: " .. name, function()
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.matches("options_spec.lua:%d+: [%w_]+: it is a function of a module, and is called " ..
        "with a dot: " .. name:gsub("%.", "%%.") .. "%(", tostring(err))
    end)
  end
end)
