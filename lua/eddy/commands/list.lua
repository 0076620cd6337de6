-- The commands: `eddy NAME` is the module of that name in this folder, or of its `module` where it
-- cannot be called so, whose main(args) returns an exit code. A new command is a row here.
local M = {}

M.rows = {
  { "help", "[NAME]", "show a function, a page, or where a word is told of" },
  { "log-watch", "ENDPOINT", "show what is logged at an endpoint" },
  { "ps", "", "show the processes of eddy's, and what they are doing" },
  { "top", "[PID]", "watch them: streams, rates, queues, times" },
  { "metrics", "", "serve them to Prometheus, and as a page for people" },
  { "ctl", "[PID] VERB", "ask a process, or have it do something (eddy --control)" },
  { "console", "[PID]", "type Lua code into a process (eddy --control=eval)" },
  { "init", "NAME", "begin a project: a script, its spec, a service file", module = "project" },
  { "completion", "SHELL", "print what bash or zsh completes the command line with" },
  { "keygen", "NAME", "make the two files of a pair of keys" },
  { "bundle", "SCRIPT", "make one executable of a script and its modules" },
}

--- Finds a command.
-- @param name as it was typed
-- @return a function(args) that runs it and returns an exit code, or nil
function M.find(name)
  for _, row in ipairs(M.rows) do
    if row[1] == name then
      return require("eddy.commands." .. (row.module or name:gsub("-", "_"))).main
    end
  end
end

return M
