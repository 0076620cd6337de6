local folders = require "spec.support.folders"
local process = require "spec.support.process"

describe("an installed eddy", function()
  local build = EDDY_HOST:match("^(.*)/[^/]+$")
  local prefix

  setup(function()
    prefix = folders.new()
    local code, out, err = process.shell("cmake --install " .. build .. " --prefix " .. prefix)
    assert.message(out .. err).equal(0, code)
  end)

  teardown(function() folders.remove(prefix) end)

  local function run(command)
    local code, out, err = process.shell("cd / && P=" .. prefix ..
      "; L=$(dirname $(find $P -name libeddy.so)); " .. command)
    assert.message(out .. err).equal(0, code)
    return out
  end

  it("runs scripts with the modules that are in the executable", function()
    local out = run("mv $P/share/lua $P/share/away; $P/bin/eddy " .. EDDY_ROOT ..
      "/examples/first_steps/echo.lua; mv $P/share/away $P/share/lua")
    assert.matches("received: goodbye", out)
  end)

  it("has the annotations that editors read", function()
    local out = run("cat $P/share/eddy/types/eddy/loop.lua")
    assert.matches("\nfunction eddy_Loop:call_later%(ms, fn, %.%.%.%) end\n", out)
  end)

  it("names no folder of the machine that built it", function()
    -- Builds for tools, which look for the sources, are not for others' machines.
    local kind = run("grep CMAKE_BUILD_TYPE " .. build .. "/CMakeCache.txt")
    if not kind:find "=Release" then return end
    local full = "EDDY_TRACEBACK=full $P/bin/eddy -e 'require([[eddy]]).loop.instance()" ..
      ":call_later(0, function() require([[eddy.zmq]]).instance():socket(1):bind [[x]] end)' 2>&1"
    local out = run("mv $P/share/lua $P/share/away; " .. full .. "; mv $P/share/away $P/share/lua")
    assert.matches("\n\teddy/zmq/endpoint.lua:%d+: in function 'bind'\n\t%(%-e%):1: ", out)
    assert.is_nil(out:find(EDDY_ROOT, 1, true))
    assert.equal("", run("grep -rlF -e '" .. EDDY_ROOT .. "' -e '" .. build .. "' $P || true"))
  end)

  -- What a program needs that loads a library with the sanitizers in it.
  local function sanitizer()
    local _, libraries = process.shell("ldd " .. EDDY_HOST)
    return libraries:match("=> (%S*libasan%S*)")
  end

  it("has its manual pages", function()
    run("test -s $P/share/man/man1/eddy.1 && test -s $P/share/man/man1/eddy-ctl.1")
    if process.shell "command -v man" == 0 then
      assert.matches("EXIT STATUS", run("man -M $P/share/man eddy | cat"))
    end
  end)

  it("has its documents in itself, and its annotations where projects look for them", function()
    assert.matches("^send%(data, opts%)", run("$P/bin/eddy help stream:send"))
    run("cd $P && bin/eddy init shop && cd shop && ../bin/eddy test")
    local types = run("cd $P && realpath share/eddy/types"):gsub("\n$", "")
    assert.matches('"' .. types .. '"', run("cat $P/shop/.luarc.json"), 1, true)
  end)

  it("has all commands in itself, and a prompt", function()
    for _, row in ipairs(require("eddy.commands.list").rows) do
      local help = run("$P/bin/eddy " .. row[1] .. " --help")
      assert.is_truthy(help:lower():find("usage: eddy " .. row[1], 1, true))
    end
    assert.equal("2\n", run("echo 1 + 1 | $P/bin/eddy -i"))
  end)

  it("has what shells complete the command line with", function()
    assert.matches("complete .* eddy\n$", run("cat $P/share/bash-completion/completions/eddy"))
    assert.matches("^#compdef eddy\n", run("cat $P/share/zsh/vendor-completions/_eddy"))
  end)

  it("works from plain luajit", function()
    local preload = sanitizer() and "ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=" .. sanitizer() or ""
    local out = run("env " .. preload .. [[ LD_LIBRARY_PATH=$L \
      LUA_PATH="$P/share/lua/5.1/?.lua;$P/share/lua/5.1/?/init.lua" \
      luajit -e 'print(require("eddy").version)']])
    assert.matches("^%d+%.%d+%.%d+\n$", out)
  end)

  it("works from C, through pkg-config", function()
    local out = run([[
cat > $P/program.c <<'END'
#include <eddy.h>
#include <stdio.h>
int main(void) {
    eddy_loop *loop;
    if (eddy_loop_new(&loop) != 0) return 1;
    printf("%s %d\n", eddy_version(), eddy_loop_turn(loop, 0));
    eddy_loop_free(loop);
}
END
export PKG_CONFIG_PATH=$L/pkgconfig
gcc -Wall -Werror -o $P/program $P/program.c $(pkg-config --cflags --libs eddy)]] ..
      (sanitizer() and " -fsanitize=address,undefined" or "") .. [[

LD_LIBRARY_PATH=$L $P/program]])
    assert.matches("^%d+%.%d+%.%d+ 0\n$", out)
  end)
end)
