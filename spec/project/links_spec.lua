-- Links between the documents, and to files and headings, lead somewhere; the guide is a book: its
-- pages are in its table of contents, and follow each other.
local files = require "spec.support.files"
local process = require "spec.support.process"

local function read(path) return files.read(EDDY_ROOT .. "/" .. path) end

local function list(arguments)
  local _, out = process.shell(("cd '%s' && find %s | sort"):format(EDDY_ROOT, arguments))
  local paths = {}
  for path in out:gmatch "[^\n]+" do paths[#paths + 1] = path end
  return paths
end

local documents = list "README.md core lua examples spec -name '*.md'"

-- Without what is in blocks of code.
local function prose(path) return (read(path):gsub("```.-```", "")) end

-- The names of a page's headings in links, as GitHub makes them.
local anchors = setmetatable({}, { __index = function(self, path)
  local found = {}
  for heading in ("\n" .. prose(path)):gmatch "\n#+ +([^\n]+)" do
    local name = heading:lower():gsub("[^%w%-_ ]", ""):gsub(" ", "-")
    local free, number = name, 0
    while found[free] do
      number = number + 1
      free = name .. "-" .. number
    end
    found[free] = true
  end
  self[path] = found
  return found
end })

-- "lua/../core" -> "core"
local function shorten(path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then table.remove(parts) elseif part ~= "." then parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

-- Calls fn(target, anchor) for each link of a page to something in the tree.
local function each_link(path, fn)
  for link in prose(path):gsub("`[^`\n]*`", ""):gmatch "%]%(([^)]+)%)" do
    if not link:find "^%a+:" then
      local target, anchor = link:match "^([^#]*)#?(.*)$"
      fn(target == "" and path or shorten((path:match "^(.*/)" or "") .. target), anchor, link)
    end
  end
end

describe("links", function()
  for _, path in ipairs(documents) do
    it("of " .. path .. " lead somewhere", function()
      each_link(path, function(target, anchor, link)
        local code = process.shell(("test -e '%s/%s'"):format(EDDY_ROOT, target))
        assert.message(path .. " links to " .. link .. ", which is not there").equal(0, code)
        if anchor ~= "" then
          assert.message(("%s links to %s: there is no such heading"):format(path, link))
            .is_true(anchors[target][anchor])
        end
      end)
    end)
  end
end)

describe("the guide", function()
  local CONTENTS = "examples/README.md"

  it("has each page in its table of contents", function()
    local linked = {}
    each_link(CONTENTS, function(target) linked[target] = true end)
    for _, path in ipairs(list "examples lua -name '*.md' ! -name README.md") do
      assert.message(CONTENTS .. " has no link to " .. path).is_true(linked[path])
    end
  end)

  it("leads from each page to the next", function()
    local last
    for line in prose(CONTENTS):gmatch "\n%d+%. ([^\n]+)" do
      local page = line:match "%]%((%l[^)]*)%)"
      if page and last then
        local next_one = prose("examples/" .. last):match "\nNext: %[[^]]+%]%(([^)]+)%)%.\n$"
        assert.message(last .. " does not end with a link to the next page").equal(page, next_one)
      end
      last = page or last
    end
    assert.equal("gallery.md", last)
  end)

  it("shows each picture, which can be seen in the dark, too", function()
    local linked = {}
    for _, path in ipairs(documents) do
      each_link(path, function(target) linked[target] = true end)
    end
    for _, path in ipairs(list "examples -name '*.svg'") do
      assert.message(path .. " is in no page").is_true(linked[path])
      assert.matches("prefers-color-scheme: dark", read(path), 1, true)
    end
  end)

  it("has a row in the gallery for each example", function()
    local gallery = read "examples/gallery.md"
    for _, path in ipairs(list "examples -mindepth 2 -maxdepth 2 -name '*.lua'") do
      local name = "`" .. path:match "([^/]+)%.lua$" .. "`"
      assert.message("examples/gallery.md has no " .. name).is_truthy(gallery:find(name, 1, true))
    end
  end)
end)
