-- What the documents have: functions by name, pages by title, and anything by its words.
local markdown = require "eddy.help.markdown"
local nearest = require "eddy.base.nearest"

local M = {}

local REFERENCE = "lua/README.md"
local MOST_HITS = 10
local MOST_ASIDE = 3 -- places that tell of what no table has

local Index = {}
Index.__index = Index

-- The names that a piece of code of a table or a text is about: "call_later(ms, fn)" is about
-- "call_later", "bind connect" about both, "eddy --profile FILE" about "--profile".
local function names_in(code, is_aside)
  local names = {}
  local option = code:match "^eddy .-(%-%-[%w-]+)" or code:match "^%-%-[%w-]+"
  if option then return { option } end
  local called = code:match "([%a_][%w_.:]*)%s*[({%[]"
  if called then return { called, (code:match "^([%w_.]+)%[") } end
  if is_aside then
    return { code:match "^EDDY_[%u_]+" or code:match "^[%a_][%w_]*[.:][%w_.:]+$" }
  end
  for word in code:gmatch "[%a_][%w_.:-]*" do names[#names + 1] = word:gsub("[.:]$", "") end
  return names
end

-- What a name is called alone, and whose it is: "call_later" of "loop".
local function split(name)
  local owner, last = name:match "^(.*)[.:]([^.:]+)$"
  return last or name, owner and owner:gsub(":", "."):gsub("^eddy%.", "") or ""
end

function Index:add(name, is_aside, entry)
  local last, owner = split(name)
  local list = self.names[last] or {}
  self.names[last] = list
  if list[#list] and list[#list].text == entry.text then return end
  list[#list + 1] = setmetatable({ owner = owner, name = name, is_aside = is_aside },
    { __index = entry })
end

-- What is named in a text, which is a row's first column or tells of it aside.
function Index:add_names(text, is_aside, entry)
  for code in markdown.codes(text) do
    for _, name in ipairs(names_in(code, is_aside)) do self:add(name, is_aside, entry) end
  end
end

function Index:add_section(section)
  for _, block in ipairs(section.blocks) do
    for _, row in ipairs(block.rows or {}) do
      local lead = block.lead .. " " .. (block.rows[1][1] or "")
      local signature, text = row[1] or "", table.concat(row, " ", 2)
      local entry = { section = section, signature = signature, text = text, lead = lead }
      self:add_names(signature, not signature:find "^`", entry)
      -- "the same with `_out`", of `bind_in` and its kin
      for ending in text:gmatch "`(_%l+)`" do
        self:add_names(signature:gsub("_in%f[^%l]", ending), false, entry)
      end
      self:add_names(text, true, entry)
    end
    if block.kind == "text" or block.kind == "item" then
      self:add_names(block.text, true, { section = section, text = block.text, lead = "" })
    end
  end
end

--- Makes one.
-- @param documents a list of { path =, text = }
function M.new(documents)
  local self = setmetatable({ names = {}, sections = {} }, Index)
  for _, document in ipairs(documents) do
    local is_text = document.path:find "%.md$" and not document.path:find "^core/"
    for _, section in ipairs(is_text and markdown.parse(document) or {}) do
      section.plain = markdown.plain(section.title)
      self.sections[#self.sections + 1] = section
      if document.path == REFERENCE then self:add_section(section) end
    end
  end
  return self
end

--- Whether a section is of the reference.
function M.is_reference(section) return section.document.path == REFERENCE end

-- The module that a section is about: "loop" of "eddy.loop", "zmq" of "eddy.zmq: contexts".
local function module_of(section)
  return section.plain:match "^eddy%.(%w+)%f[^%w]" or ""
end

-- How well an entry fits the owner that was asked for: 0 not at all.
local function fits(entry, owner)
  if entry.owner == owner then return 4 end
  local word = owner:match "[^.%s]+$" or owner
  if entry.owner == word then return 4 end
  if entry.lead:lower():find("%f[%w]" .. word:lower() .. "s?%f[%W]") then return 3 end
  if module_of(entry.section) == word then return 2 end
  local title = entry.section.plain .. " " .. (entry.section.parent or entry.section).plain
  return title:lower():find("%f[%w]" .. word:lower() .. "s?%f[%W]") and 1 or 0
end

-- Of a list, those that fit best; nil when none does.
local function best(list, owner)
  local most, found = 0, {}
  for _, entry in ipairs(list) do
    local score = fits(entry, owner)
    if score > most then most, found = score, {} end
    if score == most and score > 0 then found[#found + 1] = entry end
  end
  return found[1] and found or nil
end

-- Of a list, what tables have of it; without those, the places that tell of it first of all.
local function rows_first(list)
  local rows, asides = {}, {}
  for i, entry in ipairs(list) do
    if not entry.is_aside then rows[#rows + 1] = entry end
    asides[i] = { entry, entry.text:find(entry.name, 1, true) or #entry.text, i }
  end
  if rows[1] then return rows end
  table.sort(asides, function(a, b) return a[2] < b[2] or a[2] == b[2] and a[3] < b[3] end)
  for i = 1, math.min(#asides, MOST_ASIDE) do rows[i] = asides[i][1] end
  return rows
end

--- The functions, options and settings of a name: "call_later", "loop:call_later",
-- "eddy.loop.call_later".
-- @return a list of { section =, signature = (nil of a paragraph), text =, name = }; nil when there
-- is none
function Index:find(name)
  name = name:gsub("%s*[({].*$", "")
  if not name:find "^[%w_.:-]+$" then return nil end
  local last, owner = split(name)
  local list = self.names[last]
  if not list then return nil end
  if owner ~= "" then
    local found = best(rows_first(list), owner) or best(list, owner)
    if found then return rows_first(found) end
  end
  return rows_first(list)
end

--- The sections of a title, or about a module: "loop", "eddy.loop", "the host's end".
function Index:pages(title)
  local found, wanted = {}, title:lower()
  for _, section in ipairs(self.sections) do
    local own, is_whole = section.plain:lower(), section.document.path == wanted
    local module = module_of(section)
    local is_it = own == wanted or own:gsub(":.*$", "") == wanted or module ~= "" and
      module == wanted
    if is_it or is_whole and section.level == 1 then found[#found + 1] = section end
  end
  return found
end

-- The section of the second level that a section is in.
local function top_of(section)
  while section.level > 2 and section.parent do section = section.parent end
  return section
end

--- Code that shows how something is used: the shortest block that calls it, of its own section,
-- else of those beside that, else of all.
function Index:example(entry)
  local call = "%f[%w_]" .. split(entry.name):gsub("%-", "%%-") .. "%f[^%w_]%s*[({\"'%[]"
  local found, nearest_so_far = nil, 0
  for _, section in ipairs(self.sections) do
    local near = section == entry.section and 3 or
      top_of(section) == top_of(entry.section) and 2 or 1
    for _, block in ipairs(section.blocks) do
      local is_it = block.kind == "code" and block.language == "lua" and block.text:find(call)
      local is_better = near > nearest_so_far or near == nearest_so_far and #block.text < #found
      if is_it and is_better then found, nearest_so_far = block.text, near end
    end
  end
  return found
end

-- How often a text has one of the words: 0 when one of them is missing.
local function count(text, words)
  local sum = 0
  for _, word in ipairs(words) do
    local from, times = 1, 0
    repeat
      local at, to = text:find(word, from, true)
      if at then times, from = times + 1, to + 1 end
    until not at
    if times == 0 then return 0 end
    sum = sum + math.min(times, 5)
  end
  return sum
end

-- What of a section has the words: its score, and the row or paragraph that has them most.
local function look_into(section, words)
  local title = count(section.plain:lower(), words)
  local score, shown, most = title * 20, nil, 0
  local function weigh(text, weight, signature)
    local times = count(text:lower(), words) * weight
    score = score + math.min(times, 20)
    if times > most then shown, most = { signature = signature, text = text }, times end
  end
  for _, block in ipairs(section.blocks) do
    for _, row in ipairs(block.rows or {}) do
      weigh(row[1] or "", 8, row)
      weigh(table.concat(row, " "), 2, row)
    end
    if not block.rows then weigh(block.text, block.kind == "code" and 0.5 or 1) end
  end
  return score, shown
end

-- Words that stand everywhere.
local COMMON = {}
for word in ("a an and are as at be by do does for from how i if in is it my not of on or that " ..
  "the there this to what when where which who why with"):gmatch "%S+" do COMMON[word] = true end

-- The words of a text to look for: all of them, where it has none but common ones.
local function words_in(text)
  local all, rare = {}, {}
  for word in text:lower():gmatch "[%w_.:-]+" do
    all[#all + 1] = word
    if not COMMON[word] then rare[#rare + 1] = word end
  end
  return rare[1] and rare or all
end

--- Sections that have all the words of a text, but for common ones, the best first.
-- @return a list of { section =, shown = { text =, signature = the row, if it is one } }, which
-- has no `shown` where only the title has them; and how many there are in all
function Index:search(text)
  local words, hits = words_in(text), {}
  for i, section in ipairs(words[1] and self.sections or {}) do
    local score, shown = look_into(section, words)
    if M.is_reference(section) then score = score * 1.5 end
    if score > 0 then
      hits[#hits + 1] = { section = section, shown = shown, score = score, place = i }
    end
  end
  table.sort(hits, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.place < b.place
  end)
  local all = #hits
  for i = MOST_HITS + 1, all do hits[i] = nil end
  return hits, all
end

--- The end of a text about a name that is not there: " (did you mean call_later?)", or "".
function Index:nearest(name)
  local titles = {}
  for _, section in ipairs(self.sections) do titles[section.plain] = true end
  return nearest(split(name), self.names, titles)
end

return M
