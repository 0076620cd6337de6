-- What is printed while somebody types stands above the line that is typed.
local M = {}

--- Has all that Lua writes to the standard output and error go through here.
-- @param before called before each piece of it
-- @return a function that tells whether the last line was ended
function M.take(before)
  local methods = getmetatable(io.stdout).__index
  local write, write_default, show = methods.write, io.write, print
  local is_ended = true

  local function note(...)
    before()
    local count = select("#", ...)
    local last = count > 0 and tostring((select(count, ...))) or ""
    if last ~= "" then is_ended = last:sub(-1) == "\n" end
  end

  methods.write = function(file, ...)
    if file == io.stdout or file == io.stderr then note(...) end
    return write(file, ...)
  end
  io.write = function(...) -- luacheck: ignore 122
    if io.output() == io.stdout then note(...) end
    return write_default(...)
  end
  print = function(...) -- luacheck: ignore 121
    note "\n"
    return show(...)
  end
  return function() return is_ended end
end

return M
