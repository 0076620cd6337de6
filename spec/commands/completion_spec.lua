local options = require "eddy.commands.options"
local outline = require "eddy.commands.outline"
local process = require "spec.support.process"
local support = require "spec.lua.support"
local terminals = require "spec.support.terminal"

describe("eddy completion", function()
  local folder, terminal
  before_each(function() folder = support.temp_dir() end)
  after_each(function()
    if terminal then terminal:close() end
    terminal = nil
    process.shell("rm -rf " .. folder)
  end)

  local function script(shell)
    local out, err = process.check(0, process.eddy("completion", shell))
    assert.equal("", err)
    return out
  end

  -- What bash would offer for words, of which the last one is being typed.
  local function offered(...)
    local words = { process.quote(EDDY_HOST) }
    for i = 1, select("#", ...) do words[i + 1] = process.quote((select(i, ...))) end
    local out, err = process.check(0, process.shell(([[cd %s; source <(%s completion bash)
      compopt() { :; }
      COMP_WORDS=(%s); COMP_CWORD=%d; _eddy %s; echo " ${COMPREPLY[*]} "]]):format(folder,
      EDDY_HOST, table.concat(words, " "), #words - 1, EDDY_HOST)))
    assert.equal("", err)
    return (out:gsub("\n$", ""))
  end

  local function has(text, word)
    assert.message(word .. " is not in " .. text).is_truthy(text:find(" " .. word .. " ", 1, true))
  end

  it("offers bash all options, commands and verbs", function()
    local own = offered "-"
    for _, row in ipairs(options) do
      if row[3][1] then has(own, row[1]) end
    end
    assert.is_nil(own:find " %-%-worker ")
    for _, command in ipairs(outline.commands()) do
      has(offered "", command.name)
      local text = offered(command.name, "-")
      for _, option in ipairs(command.options) do has(text, option.names[1]) end
    end
    for _, verb in ipairs(outline.verbs()) do
      has(offered("ctl", ""), verb.name)
      local text = offered("ctl", "1234", verb.name, "-")
      for _, option in ipairs(verb.options) do has(text, option.names[1]) end
    end
  end)

  it("tells bash where an option has a value, and what that may be", function()
    assert.equal(" keygen ", offered("--drain", "5000", "key"))
    assert.equal(" --metadata ", offered("--control", "=", "eval", "keygen", "--m"))
    assert.equal(" eval eval: ", offered("--control", "=", "ev"))
    assert.equal(" cores ", offered("--workers", ""))
    assert.equal("  ", offered("--profile", "")) -- files, as by default
    assert.equal(" --full ", offered("ctl", "--timeout", "5", "1234", "trace", "--f"))
    assert.equal(" zsh ", offered("completion", "z"))
    assert.equal(" eddy.loop ", offered("help", "eddy.loo"))
  end)

  it("offers bash scripts, folders, and nothing of a script's own", function()
    process.shell(("cd %s; touch shop.lua shop.txt; mkdir shopping"):format(folder))
    assert.equal(" shop.lua shopping/ ", offered "shop")
    assert.equal("  ", offered("shop.lua", "--"))
  end)

  it("offers bash the processes that run", function()
    local runtime = "env XDG_RUNTIME_DIR=" .. folder
    local started = process.start("require('eddy').loop.instance():call_every(1e6, print)", runtime)
    local page = ("test -e %s/eddy/%d"):format(folder, started.pid)
    repeat until process.shell(page) == 0
    local ok, out = pcall(function()
      return select(2, process.shell(([[export XDG_RUNTIME_DIR=%s
        source <(%s completion bash); _eddy_pids %s]]):format(folder, EDDY_HOST, EDDY_HOST)))
    end)
    started:kill()
    assert.is_true(ok)
    has(" " .. out:gsub("\n", " "), tostring(started.pid))
  end)

  it("is a function that zsh completes with", function()
    local code = script "zsh"
    assert.matches("^#compdef eddy\n", code)
    for _, verb in ipairs(outline.verbs()) do
      assert.matches("'" .. verb.name .. ":", code, 1, true)
    end
    if process.shell "command -v zsh" ~= 0 then
      return pending "needs zsh; on Debian: apt-get install zsh"
    elseif not terminals.is_there() then
      return pending "needs tmux; on Debian: apt-get install tmux"
    end
    process.check(0, process.shell(("%s completion zsh >%s/_eddy && zsh -n %s/_eddy"):format(
      EDDY_HOST, folder, folder)))
    terminal = terminals.open(folder)
    terminal:enter(("cd %s && PS1='zsh> ' zsh -f"):format(folder))
    terminal:wait "\nzsh>"
    terminal:enter(("PATH=%s:$PATH fpath=(%s $fpath); autoload -U compinit; compinit -u -D; clear")
      :format(EDDY_HOST:match "^(.*)/", folder))
    terminal:wait "^zsh>"
    terminal:type "eddy ctl 1 set-"
    terminal:press "Tab"
    terminal:wait "^zsh> eddy ctl 1 set%-budget"
    terminal:press "C-u"
    terminal:type "eddy --drai"
    terminal:press "Tab"
    terminal:wait "\n?zsh> eddy %-%-drain"
    terminal:press "C-u"
    terminal:type "eddy log-watch --ti"
    terminal:press "Tab"
    terminal:wait "zsh> eddy log%-watch %-%-timestamp"
    terminal:press "C-u"
    terminal:type "eddy --"
    terminal:press "Tab"
    terminal:wait "%-%-workers +%-%- run the script in so many processes"
  end)

  it("refuses other shells", function()
    for _, words in ipairs { {}, { "fish" }, { "bash", "zsh" } } do
      local _, err = process.check(2, process.eddy("completion", unpack(words)))
      assert.matches("^eddy: completion: of bash or zsh%?", err)
    end
    assert.matches("^usage: eddy completion bash | zsh\n", (process.check(0,
      process.eddy("completion", "--help"))))
  end)
end)
