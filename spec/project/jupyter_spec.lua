-- The Jupyter kernel under Jupyter's own client, and under its tests of kernels where they are
-- installed: see jupyter.py.
local examples = require "spec.support.examples"
local process = require "spec.support.process"

describe("jupyter_kernel", function()
  for module, package in pairs { ["openssl.hmac"] = "lua-luaossl", cjson = "lua-cjson" } do
    if not pcall(require, module) then
      return pending("needs " .. package .. "; on Debian: apt-get install " .. package)
    end
  end

  it("runs by itself", function()
    local out = examples.run "jupyter_kernel"
    assert.matches("\nOut: 42\n.*\n6\tis what it was\n.*\nOut: has waited\n.*" ..
      "\ncell 5:1: wrong\n$", out)
  end)

  it("says what is wrong with a connection file", function()
    local name = process.script '{ "key": "x", "signature_scheme": "hmac-md5" }'
    local code, _, err = process.eddy(examples.path "jupyter_kernel", name)
    os.remove(name)
    assert.equal(1, code)
    assert.matches("the signature scheme hmac-md5 is not known, only hmac-sha256", err, 1, true)
    code, _, err = process.eddy(examples.path "jupyter_kernel", "/no/such/file")
    assert.equal(1, code)
    assert.matches("/no/such/file", err, 1, true)
  end)

  local python, missing = examples.python("jupyter_client", "python3-jupyter-client")
  if not python then return pending("under Jupyter: " .. missing) end

  it("does what Jupyter asks of a kernel", function()
    local code, out, err = process.shell(([[
      dir=$(mktemp -d); mkdir -p $dir/kernels/lua
      '%s' '%s' spec 300 >$dir/kernels/lua/kernel.json
      %s '%s' $dir; code=$?
      rm -r $dir; exit $code]]):format(EDDY_HOST, examples.path "jupyter_kernel", python,
      EDDY_ROOT .. "/spec/project/jupyter.py"))
    assert.message(out .. err).equal(0, code)
    assert.matches("\nRan %d+ tests in ", err)
  end)
end)
