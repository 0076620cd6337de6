-- The text of a certificate, as PyZMQ and CZMQ write it (ZeroMQ's RFC 4).
local curve_keys = require "eddy.security.curve_keys"

local M = {}

local KEY = 40
local NO_KEY = ("0"):rep(KEY) -- CZMQ's, of a certificate that has none

--- Whether a text is a key: 40 characters of Z85 that stand for 32 bytes.
function M.is_key(text)
  return type(text) == "string" and #text == KEY and text ~= NO_KEY and
    (pcall(curve_keys.z85_decode, text))
end

local function trim(text) return text:match "^%s*(.-)%s*$" end

-- A value without its quotes, or without its comment: in quotes "#" is none, and keys have it.
local function value_of(text)
  text = trim(text)
  local quote = text:match "^[\"']"
  if quote then
    local inner = text:match("^" .. quote .. "([^" .. quote .. "]*)" .. quote)
    if inner then return inner end
  end
  local word = text:match "^%S+"
  return M.is_key(word) and word or trim(text:match "^[^#]*")
end

local key_names = { ["public-key"] = "public", ["secret-key"] = "secret" }

--- Reads a certificate.
-- @param text what is in the file
-- @return { public =, secret = (nil: none), metadata = { name = text } }, or nil and what is wrong
-- with it, in which no part of the text is
function M.parse(text)
  if text:find "%z" then return nil, "it is no text" end
  local found, section = { metadata = {} }, nil
  for line in (text:gsub("^\239\187\191", "") .. "\n"):gmatch "([^\r\n]*)[\r\n]" do
    local name, value = line:match "^%s*([%w$_@.&+/-]+)%s*=(.*)$"
    local role = section ~= "metadata" and key_names[name]
    if role then
      value = value_of(value)
      if role ~= "secret" or value ~= NO_KEY then
        if not M.is_key(value) then
          return nil, "its " .. name .. " is no key of 40 characters"
        elseif found[role] and found[role] ~= value then
          return nil, "it has two of " .. name
        end
        found[role] = value
      end
    elseif name and section == "metadata" then
      found.metadata[name] = value_of(value)
    elseif not name then
      section = line:match "^([%w_-]+)%s*$" or line:match "^([%w_-]+)%s*#" or section
    end
  end
  if not found.public then return nil, "there is no public-key in it" end
  if found.secret and curve_keys.curve_public(found.secret) ~= found.public then
    return nil, "its two keys are no pair"
  end
  return found
end

--- Whether a text has anything of a certificate.
function M.is_certificate(text) return text:find("public-key", 1, true) ~= nil end

-- What is wrong with a piece of metadata; nil when nothing is.
local function problem_of(name, value)
  if type(name) ~= "string" or not name:find "^[%w$_@.&+/-]+$" then
    return "metadata has names of letters, digits and $-_@.&+/, not '" .. tostring(name) .. "'"
  elseif name:find "^public%-key" or name:find "^secret%-key" then
    return "metadata cannot be called " .. name -- PyZMQ would take it for the key
  elseif type(value) ~= "string" and type(value) ~= "number" then
    return "the metadata " .. name .. ": expected a text, got " .. type(value)
  elseif tostring(value):find "%c" then
    return "the metadata " .. name .. " is more than one line of text"
  elseif tostring(value):find '"' and tostring(value):find "'" then
    return "the metadata " .. name .. " has both kinds of quotes"
  end
end

--- What is wrong with a table of metadata (nil is none), as a text; nil when nothing is.
function M.check_metadata(metadata)
  if metadata ~= nil and type(metadata) ~= "table" then
    return "expected a table of metadata, got " .. type(metadata)
  end
  for name, value in pairs(metadata or {}) do
    local problem = problem_of(name, value)
    if problem then return problem end
  end
end

local headings = {
  public = [[
#   ZeroMQ CURVE public certificate. It may be given to everybody, as long as nobody
#   on the way can put another one in its place.
]],
  secret = [[
#   ZeroMQ CURVE SECRET certificate. Whoever has it is whom it names: give it to
#   nobody, and leave its permissions as they are.
]],
}

--- Writes a certificate.
-- @param public, secret the keys; without a secret one it is a public certificate
-- @param metadata as `check_metadata` lets it through
function M.format(public, secret, metadata)
  local lines = { headings[secret and "secret" or "public"], "metadata" }
  local names = {}
  for name in pairs(metadata or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = tostring(metadata[name])
    local quote = value:find '"' and "'" or '"'
    lines[#lines + 1] = "    " .. name .. " = " .. quote .. value .. quote
  end
  lines[#lines + 1] = "curve"
  lines[#lines + 1] = '    public-key = "' .. public .. '"'
  if secret then lines[#lines + 1] = '    secret-key = "' .. secret .. '"' end
  return table.concat(lines, "\n") .. "\n"
end

return M
