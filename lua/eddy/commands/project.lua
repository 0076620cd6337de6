-- The command `eddy init`: begins a project.
local folders = require "eddy.base.folders"
local documents = require "eddy.help.documents"

local M = {}

local OK, FAILED, USAGE = 0, 1, 2
local EEXIST = 17
local PROJECT, SERVICE = "core/build/project/", "examples/services/eddy@.service"
local MOST_LETTERS = 64

-- Of the service file, what is different in a project: from what to what.
local CHANGES = {
  { "^.-\n\n", "# NAME as a service: its folder is /opt/NAME. README.md says how.\n\n" },
  { "Description=[^\n]*", "Description=NAME" },
  { "ExecStart=[^\n]*", "ExecStart=COMMAND /opt/NAME/NAME.lua" },
}

local usage = [[
usage: eddy init NAME

Begins a project in a new folder: NAME.lua, a service that answers requests, the module
greeter.lua that it is made of, a spec that `eddy test` runs, a service file for
systemd, and settings for editors, luacheck and git. NAME may begin with a folder.
]]

local function complain(text) io.stderr:write("eddy: init: ", text, "\n") end

-- What is wrong with a name; nil when nothing is.
local function problem_of(name)
  if name == "" then return "no name" end
  if #name > MOST_LETTERS then return ("a name has %d letters at most"):format(MOST_LETTERS) end
  if not name:find "^%a[%w_-]*$" then
    return ("%s is no name: a letter, then letters, digits, - and _"):format(name)
  end
  if name == "greeter" then return "greeter is a module of the project: take another name" end
end

-- Where annotations of eddy are: beside a build, else where it is installed.
local function types_of(command)
  local folder = command:match "^.*/"
  return folders.real(folder .. "types") or folders.real(folder .. "../share/eddy/types") or
    "/usr/share/eddy/types"
end

-- The files of a project, by their paths in it. In them NAME is its name, COMMAND the path of eddy,
-- TYPES where annotations of eddy are.
local function files()
  local texts = {}
  for _, document in ipairs(documents) do
    local path, text = document.path, document.text
    if path:sub(1, #PROJECT) == PROJECT then
      texts[path:sub(#PROJECT + 1)] = text
    elseif path == SERVICE then
      for _, change in ipairs(CHANGES) do text = text:gsub(change[1], change[2], 1) end
      texts["NAME.service"] = text
    end
  end
  return texts
end

local function write(path, text)
  local file, problem = io.open(path, "w")
  local ok = file and file:write(text)
  if file then ok = file:close() and ok end
  return ok, problem
end

-- Writes all files. Returns what is wrong, if anything is.
local function fill(folder, name)
  local command = folders.real "/proc/self/exe" or "/usr/bin/eddy"
  local values = { NAME = name, TYPES = types_of(command), COMMAND = command }
  for path, text in pairs(files()) do
    local ok, problem = write(folder .. "/" .. path:gsub("NAME", name),
      (text:gsub("%u+", values)))
    if not ok then return problem end
  end
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local path = args[1] or ""
  if path == "--help" or path == "-h" then
    io.stdout:write(usage)
    return OK
  end
  local name = path:match "[^/]*$"
  local problem = args[2] and "more than one name: " .. args[2] or problem_of(name)
  if problem then
    complain(problem .. " (eddy init --help tells more)")
    return USAGE
  end
  local parent = path:match "^(.+)/"
  local made, why, number = folders.make_new(path, 493) -- 0755
  if made then made, why = folders.make(path .. "/spec", 493) end
  if number == EEXIST then
    why = "it is there already: take another name, or move it away"
  elseif not made and parent and not folders.real(parent) then
    why = "there is no folder " .. parent
  end
  problem = not made and path .. ": " .. why or fill(path, name)
  if problem then
    complain(problem)
    return FAILED
  end
  print(("%s is made: cd %s; eddy test; eddy %s.lua"):format(path, path, name))
  return OK
end

return M
