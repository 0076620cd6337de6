-- Text from others.
local M = {}

--- A text without what would steer a terminal: control characters, also those of UTF-8.
function M.clean(text) return (text:gsub("\194[\128-\159]", " "):gsub("%c+", " ")) end

return M
