-- The command `eddy help`: functions and pages of the documents, by name and by words.
local documents = require "eddy.help.documents"
local indexes = require "eddy.help.index"
local markdown = require "eddy.help.markdown"
local pages = require "eddy.help.page"
local commands = require "eddy.commands.list"
local options = require "eddy.commands.options"
local loops = require "eddy.loop"
local screen = require "eddy.terminal.screen"

local M = {}

local OK, FAILED = 0, 1
local COLUMNS = 80
local MOST_SHOWN = 160 -- bytes of what a search has found
local MOST_ENTRIES, MOST_EXAMPLES, MOST_OTHERS = 6, 2, 5

local USAGE = [[
usage: eddy help [NAME | WORD...]

Shows a function of the reference (stream:send, eddy.sleep), an option of eddy, a
command, or a page (eddy.loop, "the host's end"); else where the words are, in the
reference and the guide. Without a name it lists commands and pages.
]]

-- The text in a pager, as git has it: less, or $PAGER, where it is longer than the terminal.
local function show(page)
  local text = page:text()
  local _, rows = screen.size()
  if not page.is_bold or #page.lines < rows then
    io.stdout:write(text)
    return OK
  end
  loops.instance():on_signal("INT", function() end) -- it is the pager's
  local pager = io.popen("if command -v ${PAGER:-less} >/dev/null 2>&1; then " ..
    "LESS=${LESS-FRX} ${PAGER:-less}; else cat; fi", "w")
  pager:write(text)
  pager:close()
  return OK
end

-- Where a section is: "the reference: eddy.loop".
local function place_of(section)
  if indexes.is_reference(section) then return "the reference: " .. section.plain end
  return ("%s: %s"):format(section.document.path, section.plain)
end

local function show_topics(page, index)
  page:heading "Commands: eddy NAME --help tells more"
  page:words("`eddy SCRIPT`: options are in eddy --help", 2)
  for _, row in ipairs(commands.rows) do
    page:words(("`%s`: %s"):format((row[1] .. " " .. row[2]):gsub(" $", ""), row[3]), 2, 4)
  end
  local document
  for _, section in ipairs(index.sections) do
    if section.document ~= document then
      document = section.document
      page:space()
      page:heading(("%s (%s)"):format(section.plain, document.path))
    elseif section.level == 2 then
      page:words(section.plain, 2, 4)
    end
  end
  page:space()
  page:words "`eddy help NAME` shows a page, or any function; `eddy help WORD` searches."
  return show(page)
end

local function show_section(page, index, section)
  page:section(section)
  local inner = {}
  for _, each in ipairs(index.sections) do
    if each.parent == section then inner[#inner + 1] = each.plain end
  end
  page:space()
  if inner[1] then page:words("See also: " .. table.concat(inner, "; "), 0, 2) end
  page:words("This is in " .. place_of(section):gsub(": .*$", ""), 0, 2)
end

local function show_entries(page, index, entries)
  local shown, examples = {}, 0
  for i = 1, math.min(#entries, MOST_ENTRIES) do
    local entry = entries[i]
    page:space()
    if entry.signature then page:words(entry.signature, 0, 4) end
    page:words(entry.text, entry.signature and 4 or 0)
    page:space()
    page:words("In " .. place_of(entry.section), 4)
    local example = examples < MOST_EXAMPLES and index:example(entry)
    if example and not shown[example] then
      page:space()
      page:code(example, 8)
      shown[example], examples = true, examples + 1
    end
  end
end

-- Names other pages that tell of it.
local function show_others(page, index, words, entries)
  local shown, titles = {}, {}
  for i = 1, math.min(#entries, MOST_ENTRIES) do shown[entries[i].section] = true end
  for _, hit in ipairs((index:search(words:match "[^.:]+$" or words))) do
    if not shown[hit.section] and #titles < MOST_OTHERS then
      titles[#titles + 1] = hit.section.plain
    end
  end
  page:space()
  if titles[1] then page:words("Of this tell also: " .. table.concat(titles, "; "), 0, 2) end
end

-- The beginning of what was found, around the words.
local function excerpt(text, words)
  text = markdown.plain(text)
  local at = text:lower():find(words:lower():match "%S+", 1, true) or 1
  local from = math.max(1, at - MOST_SHOWN / 2)
  while from > 1 and text:sub(from - 1, from - 1) ~= " " do from = from - 1 end
  local found = text:sub(from, from + MOST_SHOWN)
  if #text > from + MOST_SHOWN then found = found:gsub("%s*%S*$", "") .. " ..." end
  return (from > 1 and "... " or "") .. found
end

local function show_hits(page, words, hits, all)
  page:words(("%d page%s %s of %s%s:"):format(all, all == 1 and "" or "s",
    all == 1 and "tells" or "tell", words, all > #hits and "; the best" or ""))
  for _, hit in ipairs(hits) do
    page:space()
    page:heading(place_of(hit.section))
    local shown = hit.shown
    local row = shown and shown.signature
    if row then
      page:words(row[1], 4, 6)
      page:words(excerpt(table.concat(row, " ", 2), words), 8)
    elseif shown then
      page:words(excerpt(shown.text, words), 4)
    end
  end
  page:space()
  local title = hits[1].section.plain
  page:words(("`eddy help '%s'` shows the first of them."):format(title:gsub("'", "'\\''")))
end

-- A command's own help, and the pages about it.
local function show_command(command, name, page, index)
  command { "--help" }
  page:space()
  for _, section in ipairs(index.sections) do
    local title = section.plain
    local is_about = title:find("eddy " .. name, 1, true) or title:find("eddy." .. name, 1, true)
    if is_about then
      page:words(("See also `eddy help '%s'`"):format(title:gsub(":.*", "")), 0, 2)
    end
  end
  io.stdout:write(page.lines[1] and "\n" .. page:text() or "")
  return OK
end

-- What an option of `eddy SCRIPT` does. Whether there is one of that name.
local function show_option(page, name)
  for _, row in ipairs(options) do
    if row[3][1] and (row[1] == name or row.short == name) then
      page:words(("`%s`"):format(row[1] .. " " .. (row[2] or "")))
      page:words(table.concat(row[3], " "), 4)
      return true
    end
  end
end

local function look_up(page, index, words)
  local command = commands.find(words)
  if command then return show_command(command, words, page, index) end
  local found, entries = index:pages(words == "test" and "testing" or words), index:find(words)
  if found[1] then
    for i, section in ipairs(found) do
      if i > 1 then page:space() end
      show_section(page, index, section)
    end
    return show(page)
  end
  local has_option = show_option(page, words)
  if entries then
    show_entries(page, index, entries)
    show_others(page, index, words, entries)
  end
  if entries or has_option then return show(page) end
  local hits, all = index:search(words)
  if not hits[1] then
    io.stderr:write(("eddy: help: nothing is called %s%s\n"):format(words, index:nearest(words)))
    return FAILED
  end
  show_hits(page, words, hits, all)
  return show(page)
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  if args[1] == "--help" or args[1] == "-h" then
    io.stdout:write(USAGE)
    return OK
  end
  local columns = screen.size()
  local page = pages.new { is_bold = columns ~= nil,
    columns = math.min(columns or COLUMNS, COLUMNS) }
  local index = indexes.new(documents)
  if not args[1] then return show_topics(page, index) end
  return look_up(page, index, table.concat(args, " "))
end

return M
