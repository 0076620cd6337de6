-- The log collector: which file a line goes to, and what becomes of files.
local examples = require "spec.support.examples"
local process = require "spec.support.process"

describe("log_collector", function()
  it("rotates its files, and prints errors", function()
    local out = examples.run "log_collector"
    assert.matches("^%S+Z shop.ERROR ERROR log_collector.lua:%d+ %- out of pears\n" ..
      "shop.log\nshop.log.1\n", out)
    assert.matches("shop.log.5\n$", out)
  end)

  it("has a file for each program, none elsewhere, and lets them be moved", function()
    local script = process.script([[
      local eddy, example, folder = ...
      local zmq = require "eddy.zmq"
      os.execute("mkdir " .. folder .. "/logs")
      local pub = zmq.instance():socket(zmq.PUB, { bind = "ipc://" .. folder .. "/socket" })
      local pipe = io.popen(("'%s' '%s' %s/logs ipc://%s/socket & echo $!"):format(eddy, example,
        folder, folder))
      local pid = pipe:read()
      local function read(name)
        local file = io.open(folder .. "/" .. name)
        local text = file and file:read "*a" or ""
        if file then file:close() end
        return text
      end
      -- Says it until it is there, as a PUB's first messages are lost.
      local function say(name, topic, text)
        for _ = 1, 200 do
          if read(name):find(topic, 1, true) then return print(name, topic) end
          pub:send_multipart { topic, text }
          os.execute "sleep 0.05"
        end
        error("nothing in " .. name)
      end
      say("logs/shop.log", "shop.INFO.orders", "two\nlines\n")
      say("logs/bank.log", "bank.INFO", "another program")
      say("logs/_etc_passwd.log", "/etc/passwd.INFO", "x")
      say("logs/unnamed.log", "../up", "x")
      say("logs/unnamed.log", ".x", "nothing before the dot")
      pub:send "no text"
      os.rename(folder .. "/logs/bank.log", folder .. "/logs/moved")
      os.execute("kill -HUP " .. pid)
      say("logs/bank.log", "bank.WARN", "into a new file")
      os.execute("kill -TERM " .. pid)
      pipe:read "*a"
      print(read "logs/shop.log":match "Z (shop.-\n\t.-\n)")
    ]])
    local code, out, err = process.shell(("dir=$(mktemp -d); '%s' %s '%s' '%s' $dir; code=$?; " ..
      "ls $dir/logs; rm -r $dir; exit $code"):format(EDDY_HOST, script, EDDY_HOST,
      examples.path "log_collector"))
    os.remove(script)
    process.check(0, code, out, err)
    assert.equal("logs/shop.log\tshop.INFO.orders\nlogs/bank.log\tbank.INFO\n" ..
      "logs/_etc_passwd.log\t/etc/passwd.INFO\nlogs/unnamed.log\t../up\n" ..
      "logs/unnamed.log\t.x\nlogs/bank.log\tbank.WARN\nshop.INFO.orders two\n\tlines\n\n" ..
      "_etc_passwd.log\nbank.log\nmoved\nshop.log\nunnamed.log\n", out)
  end)
end)
