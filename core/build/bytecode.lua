-- Compiles a module to bytecode in which it is called by its path under lua/: FOLDER FILE OUT.
local folder, file, out = ...
local source = assert(io.open(folder .. "/" .. file, "rb"))
local chunk = assert(loadstring(source:read("*a"), "=" .. file))
source:close()
local made = assert(io.open(out, "wb"))
made:write(string.dump(chunk))
made:close()
