-- Parts of documents as text for people: in so many columns, bold where a terminal shows it.
local markdown = require "eddy.help.markdown"
local texts = require "eddy.terminal.text"

local M = {}

local BOLD, PLAIN = "\27[1m", "\27[0m"

local Page = {}
Page.__index = Page

--- Makes an empty one.
-- @param options { columns =, is_bold = whether it goes to a terminal }
function M.new(options)
  return setmetatable({ lines = {}, columns = options.columns, is_bold = options.is_bold }, Page)
end

-- Marks what is bold by a byte that no document has, so that it takes no column.
local function marked(text, is_bold)
  if not is_bold then return markdown.plain(text) end
  local codes = text:gsub("`([^`]+)`", "\1%1\2"):gsub("%*%*(.-)%*%*", "\1%1\2")
  return markdown.plain(codes)
end

local function width(text) return texts.width((text:gsub("[\1\2]", ""))) end

-- A line with its marks as a terminal has them. What is open at its end is closed, and opened
-- again on the next.
function Page:put(line)
  if self.is_open then line = "\1" .. line end
  local last = line:match "^.*([\1\2])"
  self.is_open = last == "\1"
  if self.is_open then line = line .. "\2" end
  self.lines[#self.lines + 1] = line:gsub("\1", BOLD):gsub("\2", PLAIN):gsub("%s+$", "") .. ""
end

--- An empty line, unless there is one already.
function Page:space()
  local last = self.lines[#self.lines]
  if last and last ~= "" then self.lines[#self.lines + 1] = "" end
end

--- Words in as many lines as they take.
-- @param indent of the first line, a number of columns or a text
-- @param hanging of the others, the same unless given
function Page:words(text, indent, hanging)
  local line = type(indent) == "number" and (" "):rep(indent) or indent or ""
  local next_line = (" "):rep(hanging or width(line))
  local is_empty = true
  for word in marked(text, self.is_bold):gmatch "%S+" do
    if not is_empty and width(line) + 1 + width(word) > self.columns then
      self:put(line)
      line, is_empty = next_line, true
    end
    line = line .. (is_empty and "" or " ") .. word
    is_empty = false
  end
  if not is_empty then self:put(line) end
end

--- The same in bold.
function Page:heading(text, indent)
  self:words("**" .. markdown.plain(text) .. "**", indent)
end

--- Lines as they are.
function Page:code(text, indent)
  for line in text:gmatch "([^\n]*)\n" do
    self.lines[#self.lines + 1] = line == "" and "" or (" "):rep(indent) .. line
  end
end

-- A table: what stands in its first column, and what is said of that below it.
function Page:rows(rows)
  for i, row in ipairs(rows) do
    local has_head = i > 1 or (row[1] or "") ~= ""
    if has_head then
      self:words(row[1] or "", 2, 4)
      self:words(table.concat(row, " ", 2), 6)
    end
  end
end

--- A whole section, without those in it.
function Page:section(section)
  self:heading(section.title)
  for _, block in ipairs(section.blocks) do
    if block.kind ~= "item" or self.last ~= "item" then self:space() end
    self.last = block.kind
    if block.rows then
      self:rows(block.rows)
    elseif block.kind == "code" or block.kind == "verbatim" then
      self:code(block.text, 4)
    elseif block.kind == "item" then
      local mark, text = block.text:match "^(%S+ )(.*)$"
      self:words(text, "  " .. mark)
    else
      self:words(block.text)
    end
  end
end

--- All of it.
function Page:text()
  return table.concat(self.lines, "\n") .. "\n"
end

return M
