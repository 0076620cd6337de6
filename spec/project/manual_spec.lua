-- The manual pages have what the commands have, and read well.
local options = require "eddy.commands.options"
local outline = require "eddy.commands.outline"
local files = require "spec.support.files"
local process = require "spec.support.process"

describe("the manual", function()
  local folder = EDDY_HOST:match "^.*/" .. "man/man1/"

  local function read(name) return files.read(folder .. name) end

  local pages
  setup(function() pages = { eddy = read "eddy.1", ctl = read "eddy-ctl.1" } end)

  local function has(page, word)
    local roff = word:gsub("%-", "\\-")
    assert.message("no " .. word).is_truthy(pages[page]:find("\\fB" .. roff .. "\\fP", 1, true))
  end

  it("is made of the commands' own help, however that is written", function()
    assert.same({
      { names = { "-t", "--topic" }, value = "TOPIC", text = "what begins so" },
      { names = { "-o", "--output" }, value = "FILE", text = "The file; else the usual one." },
      { names = { "--time" }, value = "[FORMAT]", text = "when" }, { names = { "-h" }, text = "x" },
    }, outline.options_of [[
usage: eddy x [options]

A text -- with dashes.

options:
  -t, --topic TOPIC   what begins
                      so
         -o FILE,     The file; else the usual one.
   --output FILE
  --time [FORMAT]     when
  -h                  x
]])
  end)

  it("has every option and command", function()
    for _, row in ipairs(options) do
      if row[3][1] then has("eddy", row[1]) end
    end
    local count = 0
    for _, command in ipairs(outline.commands()) do
      local heading = '.SS "eddy ' .. command.name:gsub("%-", "\\-") .. " "
      assert.message(command.name).is_truthy(pages.eddy:find(heading, 1, true))
      local _, help = process.eddy(command.name, "--help")
      for line in help:gmatch "[^\n]+" do
        local name = line:match "^%s+(%-%-?[%w-]+)" or line:match "^%s+%-%a, (%-%-[%w-]+)"
        if name and name ~= "-h" and name ~= "--help" then
          has("eddy", name)
          count = count + 1
        end
      end
    end
    assert.is_true(count > 15)
  end)

  it("has every verb of eddy ctl, with its arguments and options", function()
    for _, verb in ipairs(outline.verbs()) do
      has("ctl", verb.name)
      for _, each in ipairs(verb.arguments) do
        assert.is_truthy(pages.ctl:find("\\fI" .. each.name .. "\\fP", 1, true))
      end
      for _, option in ipairs(verb.options) do has("ctl", option.names[1]) end
    end
    has("ctl", "--timeout")
  end)

  it("has every variable of the environment that is read", function()
    local _, found = process.shell(([[cd %s
      grep -rhoE 'getenv *\(?"EDDY_[A-Z_]+' lua core]]):format(EDDY_ROOT))
    local count = 0
    for name in found:gmatch "EDDY_[%u_]+" do
      assert.message("no " .. name).is_truthy(pages.eddy:find(name, 1, true))
      count = count + 1
    end
    assert.is_true(count >= 5)
  end)

  it("has every exit code", function()
    for _, code in ipairs { "0", "1", "2", "70", "75", "128 + n" } do has("eddy", code) end
  end)

  for program, command in pairs {
    man = "man --warnings -E UTF-8 -l -Tutf8 -Z %s >/dev/null", mandoc = "mandoc -Tlint %s",
    groff = "groff -ww -man -Tutf8 %s >/dev/null",
  } do
    it(program .. " has nothing to say about it", function()
      if process.shell("command -v " .. program) ~= 0 then
        return pending("needs " .. program)
      end
      for _, name in ipairs { "eddy.1", "eddy-ctl.1" } do
        local code, out, err = process.shell("LC_ALL=C.UTF-8 " .. command:format(folder .. name))
        assert.same({ 0, "", "" }, { code, out, err })
      end
    end)
  end
end)
