-- Links between the documents, and to files and headings, lead somewhere; each page of the guide is
-- in its table of contents.
local process = require "spec.support.process"

local function read(path)
  local file = assert(io.open(EDDY_ROOT .. "/" .. path))
  local text = file:read("*a")
  file:close()
  return text
end

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

  it("lead to every picture, which can be seen in the dark, too", function()
    local linked = {}
    for _, path in ipairs(documents) do
      each_link(path, function(target) linked[target] = true end)
    end
    for _, path in ipairs(list "examples -name '*.svg'") do
      assert.message(path .. " is in no page").is_true(linked[path])
      assert.matches("prefers-color-scheme: dark", read(path), 1, true)
    end
  end)

  it("of the guide's first page lead to each of its pages", function()
    local linked = {}
    each_link("examples/README.md", function(target) linked[target] = true end)
    for _, path in ipairs(list "examples -name '*.md'") do
      assert.message("examples/README.md has no link to " .. path)
        .is_true(path == "examples/README.md" or linked[path])
    end
    local last
    each_link("examples/README.md", function(target)
      if not target:find "^examples/%l" or target == "examples/gallery.md" then return end
      if last then
        local next_one = prose(last):match "\nNext: %[[^]]+%]%(([^)]+)%)%.\n$"
        assert.message(last .. " does not end with a link to the next page")
          .equal(target, "examples/" .. tostring(next_one))
      end
      last = target
    end)
    for _, path in ipairs(list "lua -name 'coming-from-*.md'") do
      assert.message("examples/README.md has no link to " .. path).is_true(linked[path])
    end
  end)
end)
