-- Compiles documents to a module that returns them, a list of { path =, text = }, as bytecode:
-- FOLDER OUT FILE...
local folder, out = ...
local parts = { "return {\n" }
for i = 3, select("#", ...) do
  local path = select(i, ...)
  local file = assert(io.open(folder .. "/" .. path, "rb"))
  parts[#parts + 1] = ("{ path = %q, text = %q },\n"):format(path, file:read "*a")
  file:close()
end
parts[#parts + 1] = "}\n"
local made = assert(io.open(out, "wb"))
made:write(string.dump(assert(loadstring(table.concat(parts), "=documents"))))
made:close()
