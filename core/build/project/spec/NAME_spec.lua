local testing = require "eddy.testing"
local zmq = require "eddy.green"
local greeter = require "greeter"

describe("NAME", function()
  local case = testing.each()

  it("greets whoever asks", function()
    local server = greeter.start { endpoint = "inproc://greeter", context = case.context,
      loop = case.loop }
    case:run(function()
      local client = zmq.context():socket(zmq.REQ, { connect = "inproc://greeter", linger = 0 })
      client:send "Joe"
      assert.equal("hello, Joe", client:recv())
      client:close()
    end)
    assert.equal(1, server.count)
    server.close()
  end)
end)
