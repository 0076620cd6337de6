-- The picture of the results: a line for each row, on it what each costs against eddy.
local M = {}

local LEFT, WIDTH, RIGHT, TOP, LINE = 380, 560, 40, 60, 30
local LOWEST, HIGHEST = 0.25, 4000 -- of the scale

local colours = {
  ["C floor"] = "#444444", zmq_poll = "#444444", zloop = "#b35c00", libuv = "#444444",
  luv = "#7a8f00", ZMQStream = "#b3003c", Tornado = "#b3003c", ["zmq.asyncio"] = "#7a00b3",
  ["zmq.green"] = "#008f3c", luajit = "#7a8f00", python3 = "#b3003c", node = "#008f3c",
}

local function escaped(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function x_of(ratio)
  local share = math.log(math.max(LOWEST, math.min(HIGHEST, ratio)) / LOWEST) /
    math.log(HIGHEST / LOWEST)
  return LEFT + share * WIDTH
end

local function text(x, y, anchor, size, colour, words)
  return ('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="%s">%s</text>'):format(
    x, y, anchor, size, colour, escaped(words))
end

local function line(x1, y1, x2, y2, colour)
  return ('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>'):format(x1, y1, x2, y2,
    colour)
end

local function dot(x, y, colour, title)
  return ('<circle cx="%.1f" cy="%.1f" r="5" fill="%s"><title>%s</title></circle>'):format(x, y,
    colour, escaped(title))
end

local function legend(rows, y)
  local seen, parts, x = {}, {}, LEFT
  local function entry(name, colour)
    parts[#parts + 1] = dot(x, y - 4, colour, name)
    parts[#parts + 1] = text(x + 9, y, "start", 12, "#222222", name)
    x = x + 24 + 7 * #name
  end
  entry("eddy", "#0062b3")
  for _, row in ipairs(rows) do
    for _, other in ipairs(row.others) do
      local colour = colours[other.name] or "#888888"
      if other.ratio and not seen[other.name] then
        seen[other.name] = true
        entry(other.name, colour)
      end
    end
  end
  return table.concat(parts, "\n")
end

-- An SVG of rows, of those that have something to compare with.
function M.svg(rows, subtitle)
  local drawn = {}
  for _, row in ipairs(rows) do
    for _, other in ipairs(row.others) do
      if other.ratio then
        drawn[#drawn + 1] = row
        break
      end
    end
  end
  local bottom = TOP + #drawn * LINE
  local parts = {
    ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif">')
      :format(LEFT + WIDTH + RIGHT, bottom + 62),
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    text(20, 24, "start", 15, "#222222", "What it costs against eddy (further right: slower)"),
    text(20, 42, "start", 11, "#666666", subtitle),
  }
  for _, mark in ipairs { 0.25, 1, 4, 10, 40, 100, 400, 1000, 4000 } do
    local x = x_of(mark)
    parts[#parts + 1] = line(x, TOP - 4, x, bottom, mark == 1 and "#0062b3" or "#dddddd")
    parts[#parts + 1] = text(x, bottom + 16, "middle", 11, "#666666", mark .. " x")
  end
  for i, row in ipairs(drawn) do
    local y = TOP + (i - 0.5) * LINE
    parts[#parts + 1] = text(LEFT - 12, y + 4, "end", 12, "#222222", row.title)
    parts[#parts + 1] = line(LEFT, y, LEFT + WIDTH, y, "#eeeeee")
    for _, other in ipairs(row.others) do
      if other.ratio then
        parts[#parts + 1] = dot(x_of(other.ratio.median), y, colours[other.name] or "#888888",
          ("%s: %.3g x"):format(other.name, other.ratio.median))
      end
    end
    parts[#parts + 1] = dot(x_of(1), y, "#0062b3", "eddy")
  end
  parts[#parts + 1] = legend(drawn, bottom + 44)
  parts[#parts + 1] = "</svg>"
  return table.concat(parts, "\n") .. "\n"
end

return M
