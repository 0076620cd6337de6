-- Lua code that people type: whether it is whole, and as a function.
local M = {}

--- What code is called with: an expression's values go through it, as a tail call would hide the
-- place that they came from.
function M.values(...) return ... end

--- Makes a function of code: an expression, whose values it returns, or statements.
-- @param name that errors have of it
-- @return the function, to be called with M.values; or nil and what is wrong
function M.compile(code, name)
  local chunk = loadstring("return (...)(" .. code .. ")", "=" .. name) or
    loadstring("return (...)(" .. code .. "\n)", "=" .. name) -- it ends with a comment
  if chunk then return chunk end
  return loadstring(code, "=" .. name)
end

--- Whether code is only a beginning, as its end is missing.
function M.is_incomplete(code)
  if loadstring("return " .. code) then return false end
  local chunk, problem = loadstring(code)
  return not chunk and problem:find "'<eof>'$" ~= nil
end

return M
