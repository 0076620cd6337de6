local folders = require "spec.support.folders"
local process = require "spec.support.process"
local terminals = require "spec.support.terminal"

-- `eddy -i`, in a pipe, and on a terminal in tmux, if there is one.
describe("eddy -i", function()
  local script, remove = process.scripts()
  local folder, terminal
  after_each(function()
    if terminal then terminal:close() end
    terminal = nil
    remove()
  end)
  folders.each(function(dir) folder = dir end)

  -- What lines come to that are in a pipe.
  local function piped(code, lines, arguments)
    return process.check(code, process.shell(("printf '%%s\\n' %s | %s -i %s"):format(lines,
      EDDY_HOST, arguments or "")))
  end

  it("runs what is typed, awaits what waits, and shows what comes out", function()
    local out, err = piped(0, "'1 + 1' 'x = { 1, y = \"z\" }' x '1, nil' 'for i = 1, 2 do' " ..
      "'print(i)' end 'eddy.spawn(function() sleep(2) return 7 end)' '_ * 6 -- the last one' " ..
      "'await(eddy.spawn(function() return \"a\\nb\" end))'")
    assert.equal('2\n{ 1, y = "z" }\n1\nnil\n1\n2\n7\n42\n"a\\nb"\n', out)
    assert.equal("", err)
  end)

  it("runs the script first, whose globals are there, also when it failed", function()
    local name = script [[
      answer, given = 41, ...
      require("eddy").loop.instance():call_every(1, function() answer = 42 end)
      error "on purpose"
    ]]
    local out, err = piped(0, "'while answer < 42 do sleep(1) end' 'answer, given, arg[1]'",
      name .. " word")
    assert.equal('42\n"word"\n"word"\n', out)
    assert.matches("on purpose\nstack traceback:", err)
    assert.equal("3\n", (piped(0, "x", "-e 'x = 3'")))
    out, err = piped(0, "5", "-e 'x = = 3'")
    assert.equal("5\n", out)
    assert.matches("unexpected symbol near '='", err)
  end)

  it("goes on after an error, which is no failure of the program's", function()
    local out, err = piped(0, "'error \"on purpose\"' 'x = =' 'error({ code = 5 })' 'nil + 1' 3")
    assert.equal("3\n", out)
    assert.matches("^typed:1: on purpose\nstack traceback:\n\t%[C%]: in function 'error'\n" ..
      "\ttyped:1: in main chunk\ntyped:1: unexpected symbol near '='\n", err)
    assert.matches("attempt to perform arithmetic on a nil value", err)
  end)

  it("runs the loop until the input ends, whoever stops it", function()
    assert.equal("3\n4\n", (piped(0, "'eddy.loop.instance():stop()' 3 " ..
      "'eddy.loop.instance():close()' 4")))
    assert.equal("5\n", (piped(0, "5", "-e 'l = require[[eddy]].loop.new() " ..
      "l:call_later(5, function() l:stop() end) l:start() l:close()'")))
    assert.equal("", (piped(7, "'os.exit(7)' 5")))
    process.check(0, process.shell(EDDY_HOST .. " -i </dev/null"))
  end)

  it("ends with a signal, whatever a line waits for", function()
    local out, err = process.check(0, process.shell(([[
      cd %s; mkfifo in; %s -i <in >out & pid=$!; exec 3>in
      echo 'print "waits" await(eddy.future())' >&3
      until grep -q waits out; do :; done; kill -TERM $pid; wait $pid; echo $?]]):format(folder,
      EDDY_HOST)))
    assert.same({ "0\n", "" }, { out, err })
  end)

  it("does not go with what has several processes, or begins anew", function()
    for _, options in ipairs { "--watch", "--workers 2", "--replay x", "--record x" } do
      local _, err = process.check(2, process.shell(("%s -i %s x.lua"):format(EDDY_HOST, options)))
      assert.matches("it does not go with " .. options:match "%S+", err, 1, true)
    end
    assert.matches("from the standard input", select(2, process.check(2,
      process.shell(EDDY_HOST .. " -i - </dev/null"))))
    assert.matches("^eddy: no script ", select(2, process.check(2,
      process.shell(EDDY_HOST .. " </dev/null"))))
  end)

  -- What needs tmux, and readline.
  local function test(name, arguments, fn)
    it(name, function()
      if not terminals.is_there() then
        return pending "needs tmux; on Debian: apt-get install tmux"
      end
      if not package.searchpath("readline", package.path) then
        return pending "needs lua-readline; on Debian: apt-get install lua-readline"
      end
      terminal = terminals.open(folder)
      -- readline keeps some of its memory
      terminal:enter(("ASAN_OPTIONS=detect_leaks=0 XDG_STATE_HOME=%s %s %s"):format(folder,
        EDDY_HOST, arguments()))
      terminal:wait "%^D ends%.\n>"
      fn()
    end)
  end

  test("reads a terminal without being asked, completes, and keeps a history", function()
    return ""
  end, function()
    terminal:wait "\neddy [%d.]+ %(LuaJIT .-\n>"
    terminal:type "string.form"
    terminal:press "Tab"
    terminal:enter "('%d', 7)"
    terminal:wait '\n> string%.format%(\'%%d\', 7%)\n"7"\n>'
    terminal:enter "s = zmq.instance():socket(zmq.PAIR)"
    terminal:type "s:send_mul"
    terminal:press "Tab"
    terminal:enter "{ 'a' } -- x"
    terminal:wait "> s:send_multipart{ 'a' } %-%- x\n\n" -- nobody takes it
    terminal:insist("C-c", "interrupted")
    terminal:press "C-d"
    terminal:wait "\n>?\n?ready>\n*$"
    local _, listed = process.shell("stat -c '%a' " .. folder .. "/eddy " .. folder ..
      "/eddy/history; cat " .. folder .. "/eddy/history")
    assert.matches("^700\n600\nstring.format%('%%d', 7%)\n", listed)
    terminal:enter "stty -a"
    terminal:wait " icanon " -- it is as it was
  end)

  test("gives up with ^C what is typed, what waits, and what computes", function()
    return "-i"
  end, function()
    terminal:type "half a line"
    terminal:wait "half a line"
    terminal:press "C-c"
    terminal:wait "half a line%^C\n>"
    terminal:enter "for i = 1, 2 do"
    terminal:wait "\n>>"
    terminal:press "C-c"
    terminal:wait "\n>> %^C\n>"
    terminal:enter "print 'waits' await(eddy.future())"
    terminal:wait "\nwaits\n"
    terminal:insist("C-c", "typed:1: interrupted\n")
    terminal:enter "print 'computes' while true do end"
    terminal:wait "\ncomputes\n"
    terminal:insist("C-c", "typed:1: interrupted by SIGINT")
    terminal:enter "5 + 5"
    terminal:wait "\n10\n>"
  end)

  test("prints what handlers do above the line that is typed", function()
    return "-i " .. script [[
      local loop = require("eddy").loop.instance()
      local number = 0
      loop:call_every(20, function()
        if not go then return end
        number = number + 1
        if number == 1 then print("printed") end
        if number == 2 then io.write("no end") end
        if number == 3 then io.stderr:write("to stderr\n") end
        if number == 4 then error "in a handler" end
        if number == 5 then go = false loop:call_later(1, print, "last") end
      end)
    ]]
  end, function()
    terminal:enter "eddy.loop.instance():call_later(300, function() go = true end) and nil"
    terminal:type "1 .. ' typed me"
    terminal:wait("nil\nprinted\nno end\nto stderr\neddy: timer .- in a handler\n" ..
      "stack traceback:.-\nlast\n> 1 %.%. ' typed me\n")
    terminal:type "anwhile'"
    terminal:press "Enter"
    terminal:wait "\n> 1 %.%. ' typed meanwhile'\n\"1 typed meanwhile\"\n>"
  end)

  test("gives the terminal back when the program ends by itself", function()
    return "-i -e 'require[[eddy]].loop.instance():call_later(500, function() os.exit(3) end)'"
  end, function()
    terminal:wait "\nready>"
    terminal:enter "echo code $?; stty -a"
    terminal:wait "code 3\n.* icanon "
  end)
end)
