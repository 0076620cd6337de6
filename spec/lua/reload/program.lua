-- What the specs of reloads share: a script of several files in a folder of its own, that runs on a
-- test's loop.
local eddy = require "eddy"
local reload = require "eddy.reload"

local M = {}

local folder, path, loop, globals

--- Opens a loop, a context and a folder. The script finds the first two as `_G.loop` and
-- `_G.context`, and what it has to say to the test in `_G.said`.
function M.open(own, context)
  loop, path, globals = own, package.path, {}
  folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder) == 0)
  package.path = folder .. "/?.lua;" .. path
  loop:make_current()
  for name, value in pairs { loop = own, context = context, said = {}, eddy = eddy } do
    globals[name] = rawget(_G, name) or false
    rawset(_G, name, value)
  end
end

function M.close()
  reload.finish()
  eddy.loop.clear_current()
  package.path = path
  for name, value in pairs(globals) do rawset(_G, name, value or nil) end
  os.execute("rm -r " .. folder)
end

--- Writes a file of the folder. Returns its name.
function M.write(name, text)
  name = folder .. "/" .. name
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  return name
end

--- Runs the script.
function M.run(text, ...) reload.run(M.write("script.lua", text), ...) end

--- Reloads it, with another text if one is given. Returns what `reload.now` returned.
function M.again(text)
  if text then M.write("script.lua", text) end
  return loop:run_sync(reload.now, 5000)
end

return M
