-- The commands of contestants. A command is a shell line, and what it needs: a check that
-- fails where it is missing, and what brings it on Debian.
local M = { root = ".", build = "build", scale = 1 }

local function quoted(list)
  local words = {}
  for i, word in ipairs(list) do words[i] = "'" .. tostring(word):gsub("'", "'\\''") .. "'" end
  return table.concat(words, " ")
end

local function command(needs, package, ...)
  return { line = quoted { ... }, needs = needs, package = package }
end

local function peer(name) return M.root .. "/spec/bench/peers/" .. name end
local function made(name) return M.build .. "/bench/" .. name end

-- How many of something to measure: so many, unless the user wants a quick look.
function M.count(number) return math.max(1, math.floor(number * M.scale)) end

function M.eddy(script, ...)
  return command("true", "eddy", M.build .. "/eddy", peer("eddy/" .. script .. ".lua"), ...)
end

-- The command as `run` has installed it beside the peers.
function M.installed(script, ...)
  return command("test -x " .. quoted { made("installed/bin/eddy") }, "eddy",
    made("installed/bin/eddy"), peer("eddy/" .. script .. ".lua"), ...)
end

local packages = { zloop = "libczmq-dev", uv = "libuv1-dev" }

-- A program of peers/NAME.c.
function M.c(name, ...)
  return command("test -x " .. quoted { made(name) }, packages[name] or "libzmq3-dev", made(name),
    ...)
end

M.python_modules = {
  zmqstream = { "zmq, tornado", "python3-zmq, python3-tornado" },
  coroutine = { "zmq.asyncio", "python3-zmq" },
  green = { "zmq, gevent", "python3-zmq, python3-gevent" },
  hello = { "zmq.asyncio", "python3-zmq" },
}

-- Debian's Python, which has Debian's modules.
function M.python(script, ...)
  local modules = M.python_modules[script]
  return command(("/usr/bin/python3 -c 'import %s'"):format(modules[1]), modules[2],
    "/usr/bin/python3", peer("python/" .. script .. ".py"), ...)
end

function M.luajit(script, module, package, ...)
  return command(("luajit -e 'require \"%s\"'"):format(module), package, "luajit",
    peer(script .. ".lua"), ...)
end

function M.node(script, ...)
  return command("command -v node", "nodejs", "node", peer(script .. ".js"), ...)
end

-- zeromq.js, which `run` brings with npm; it counts the whole process.
function M.zeromq_js(...)
  local env = "NODE_PATH=" .. quoted { made("node_modules") }
  return { line = "env " .. env .. " " .. quoted { "node", peer("zeromq.js"), ... },
    needs = env .. " node -e 'require(\"zeromq\")'", package = "nodejs, npm, and zeromq from npm" }
end

-- The path of the library that sends from a thread, and has the sum.
function M.library() return made("sender.so") end

-- The command run by `start`, which tells the time to its first line.
function M.started(inner)
  return { line = quoted { made("start") } .. " " .. inner.line, needs = inner.needs,
    package = inner.package }
end

return M
