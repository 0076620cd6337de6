-- Every code block of the documents is run; those that are specs, with `eddy test`.
local examples = require "spec.support.examples"
local ports = require "spec.support.ports"
local process = require "spec.support.process"

-- Somebody else may have the port that the documents use.
local PORT, free_port = "12345", tostring(ports.free(1))

local function blocks(path, language)
  local file = assert(io.open(EDDY_ROOT .. "/" .. path))
  local text = file:read("*a"):gsub(PORT, free_port)
  file:close()
  return text:gmatch("```" .. language .. "\n(.-)```")
end

local documents = {
  "README.md", "lua/README.md", "lua/coming-from-pyzmq.md", "lua/coming-from-lzmq.md",
  "core/README.md", "spec/README.md",
  "spec/bench/README.md", "spec/scenarios/README.md",
}
do
  local guide = assert(io.popen("cd " .. EDDY_ROOT .. " && ls examples/*.md"))
  for name in guide:lines() do documents[#documents + 1] = name end
  guide:close()
end

-- What is optional, as blocks name it, and the package that brings it.
local optional = {
  ["eddy%.jetstream"] = { "eddy.jetstream", "libnats-dev" },
  ["http%."] = { "http.server", "lua-http" }, ["cqueues"] = { "cqueues", "lua-cqueues" },
  ["eddy%.luv"] = { "luv", "lua-luv" }, ['"luv"'] = { "luv", "lua-luv" },
}

-- The package that a block needs and that is missing.
local function missing(block)
  for pattern, needed in pairs(optional) do
    if block:find(pattern) and not pcall(require, needed[1]) then return needed[2] end
  end
end

describe("the documents", function()
  -- Ends scripts that serve for ever, in order, once they have shown that they run.
  local stopper = [[
    local loop = require("eddy").loop.instance()
    loop:call_later(200, function() loop:stop() end)
  ]]

  for _, path in ipairs(documents) do
    local number = 0
    for block in blocks(path, "lua") do
      number = number + 1
      it(path .. ": Lua block " .. number .. " runs", function()
        local package = missing(block)
        if package then return pending("needs " .. package) end
        local script, code, out, err
        if block:find("\ndescribe(", 1, true) then
          script = process.script(block)
          assert(os.rename(script, script .. ".lua"))
          script = script .. ".lua"
          code, out, err = process.eddy("test", script)
        else
          script = process.script(stopper .. block)
          code, out, err = process.eddy(script)
        end
        os.remove(script)
        assert.message(out .. err).equal(0, code)
      end)
    end

    for block in blocks(path, "sh") do
      for command in block:gmatch("[^\n]+") do
        it(path .. ": the command exists: " .. command, function()
          local program = command:match("^(%S+)")
          local name = command:match("^%./examples/run (%S+)")
          local _, found = process.shell("command -v " .. program)
          assert.not_equal("", found)
          if name then examples.path(name) end
        end)
      end
    end
  end
end)
