-- What is in a document: its sections, and in each of them paragraphs, tables and code.
local M = {}

-- The cells of a table's row.
local function cells_of(line)
  local cells = {}
  for cell in line:gsub("^|", ""):gsub("|%s*$", ""):gmatch "[^|]+" do
    cells[#cells + 1] = cell:match "^%s*(.-)%s*$"
  end
  return cells
end

-- What kind of block a line begins, or goes on with.
local function kind_of(line)
  if line:find "^|" then return "table" end
  if line:find "^%s*[-*] " or line:find "^%s*%d+%. " then return "item" end
  if line:find "^    " then return "verbatim" end
  if line:find "^%s*$" then return "space" end
  return "text"
end

-- Whether a line belongs to the block before it.
local function goes_on(block, kind)
  if not block then return false end
  if kind == "text" or kind == "verbatim" and block.kind ~= "verbatim" then
    return block.kind == "text" or block.kind == "item"
  end
  return kind == block.kind and kind ~= "item"
end

local function add_row(block, line)
  if line:find "^|[%s:|-]+$" and line:find "-" then return end -- between head and body
  block.rows[#block.rows + 1] = cells_of(line)
end

-- What a paragraph, an item or a table's first row begins is after its lead.
local function lead_of(section)
  local last = section.blocks[#section.blocks]
  return last and last.kind == "text" and last.text or ""
end

local function add_line(section, block, line)
  local kind = kind_of(line)
  if kind == "space" then
    return block and block.kind == "verbatim" and block or nil
  end
  if not goes_on(block, kind) then
    block = { kind = kind, text = "", rows = kind == "table" and {} or nil,
      lead = kind == "table" and lead_of(section) or nil }
    section.blocks[#section.blocks + 1] = block
  end
  if kind == "table" then
    add_row(block, line)
  elseif block.kind == "verbatim" then
    block.text = block.text .. line:sub(5) .. "\n"
  else
    block.text = (block.text == "" and "" or block.text .. " ") .. line:match "^%s*(.-)%s*$"
  end
  return block
end

--- Reads a document.
-- @param document { path =, text = }
-- @return a list of sections { title =, level =, parent = the section that it is in, document =,
-- blocks = }. A block has a `kind`: "text" and "item" have a `text` in one line, "verbatim" and
-- "code" one of lines, "code" a `language`, "table" has `rows` of cells, the head first, and a
-- `lead`: the paragraph before it.
function M.parse(document)
  local sections, parents, section, block, code = {}, {}, nil, nil, nil
  for line in (document.text .. "\n"):gmatch "([^\n]*)\n" do
    local level, title = line:match "^(#+) (.*)$"
    if code then
      if line == "```" then code = nil else code.text = code.text .. line .. "\n" end
    elseif level then
      level = #level
      section = { title = title, level = level, document = document, blocks = {},
        parent = parents[level - 1] }
      parents[level], block = section, nil
      sections[#sections + 1] = section
    elseif section and line:find "^```" then
      code, block = { kind = "code", language = line:sub(4), text = "" }, nil
      section.blocks[#section.blocks + 1] = code
    elseif section then
      block = add_line(section, block, line)
    end
  end
  return sections
end

--- Calls fn(code) for each piece of code in a text.
function M.codes(text)
  return text:gmatch "`([^`]+)`"
end

--- A text without its marks.
function M.plain(text)
  return (text:gsub("!?%[([^%]]*)%]%([^)]*%)", "%1"):gsub("%*%*(.-)%*%*", "%1"):gsub("`", ""))
end

return M
