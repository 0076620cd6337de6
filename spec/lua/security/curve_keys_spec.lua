local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("keys", function()
  it("come in pairs, of which the public one can be had from the secret one", function()
    local public, secret = zmq.curve_keypair()
    assert.equal(40, #public)
    assert.equal(40, #secret)
    assert.not_equal(public, secret)
    assert.equal(public, zmq.curve_public(secret))
    assert.not_equal(public, (zmq.curve_keypair()))
    assert.error_matches(function() zmq.curve_public("short") end, "40 characters, got 5")
    assert.error_matches(function() zmq.curve_public() end, "40 characters, got nil")
  end)

  it("are Z85, of which 4 bytes make 5 characters", function()
    -- The example of ZeroMQ's RFC 32.
    local bytes = "\134\79\210\111\181\89\247\91"
    assert.equal("HelloWorld", zmq.z85_encode(bytes))
    assert.equal(bytes, zmq.z85_decode("HelloWorld"))
    assert.equal("", zmq.z85_encode(""))
    assert.equal("", zmq.z85_decode(""))
    assert.error_matches(function() zmq.z85_encode("12345") end, "multiple of 4, got 5")
    assert.error_matches(function() zmq.z85_decode("1234") end, "multiple of 5, got 4")
    assert.error_matches(function() zmq.z85_encode(7) end, "expected a string")
    assert.error_matches(function() zmq.z85_decode("ab cd") end, "EINVAL")
    assert.error_matches(function() zmq.z85_decode("ab\200cd") end, "EINVAL")
    assert.error_matches(function() zmq.z85_decode("#####") end, "EINVAL")
  end)

  it("keep strangers out of a CURVE server", function()
    local _, context = support.open()
    local public, secret = zmq.curve_keypair()
    local own_public, own_secret = zmq.curve_keypair()
    local server = context:socket(zmq.PULL, { linger = 0, curve_server = 1,
      curve_secretkey = secret, bind = "tcp://127.0.0.1:*" })
    local client = context:socket(zmq.PUSH, { linger = 0, curve_serverkey = public,
      curve_publickey = own_public, curve_secretkey = own_secret, connect = server.last_endpoint })
    local stranger = context:socket(zmq.PUSH, { linger = 0, connect = server.last_endpoint })
    stranger:send("let me in")
    client:send("hello")
    assert.equal("hello", server:recv())
    assert.equal(0, server:poll(20))
    support.close()
  end)
end)
