-- What a process can be asked to do, and to tell: a file each in `verbs/`. A new one is a row here.
-- Each file returns a table:
--   arguments(command)  adds what is typed behind it, as lua-argparse has it; optional
--   request(options)    makes of that what is sent; optional
--   takes(options)      the seconds that it takes, beyond those that an answer may; optional
--   run(args, context)  does it in the process, on its loop; returns the answer, which goes over as
--                       JSON, or raises. context.tell(part) sends a part of it before the end,
--                       context.allows_eval is true with --control=eval, context.loop is the loop
--   waits               whether run may wait: it is called in a task
--   show(answer)        makes a list of lines of it, for people; `show_part` does of a part
local M = {}

M.rows = {
  { "info", "the process, its loops and its memory" },
  { "streams", "its streams" },
  { "timers", "its timers" },
  { "tasks", "what waits in coroutines, for what, and where" },
  { "errors", "the last errors and log lines of its loops" },
  { "pause", "receive nothing more on a stream" },
  { "resume", "receive on it again" },
  { "log", "the level of its loggers; reopen log files" },
  { "gc", "collect garbage" },
  { "set-budget", "how many messages a stream takes in a turn" },
  { "profile", "where its CPU time goes, by stream" },
  { "trace", "the messages of a stream as they pass" },
  { "interrupt", "raise an error in the handler, or a task" },
  { "reload", "load the script anew" },
  { "eval", "run Lua code in it (with --control=eval)" },
}

-- What only programs ask for.
local hidden = { complete = true }

--- The verb of a name; nil when there is none.
function M.get(name)
  local is_known = hidden[name]
  for _, row in ipairs(M.rows) do is_known = is_known or row[1] == name end
  if is_known then return require("eddy.control.verbs." .. name:gsub("-", "_")) end
end

return M
