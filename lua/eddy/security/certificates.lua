-- Certificates: files of keys, read and written as PyZMQ and CZMQ do. No secret key is ever part
-- of an error's text.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local certificate_text = require "eddy.security.certificate_text"
local curve_keys = require "eddy.security.curve_keys"

local C, ffi = c.C, c.ffi
local numbers = errors.numbers
local band = require("bit").band

local LARGEST = 65536 -- bytes of a file
local SECRET_MODE, PUBLIC_MODE = 384, 420 -- 0600 and 0644

local M = {}

local function fail(code, ...) error(errors.new(code, table.concat { ... }), 0) end

-- A word of a shell.
local function quote(path)
  return path:find "^[%w_./+-]+$" and path or "'" .. path:gsub("'", "'\\''") .. "'"
end

local function check_text(value, what, name)
  if type(value) ~= "string" or value == "" then
    errors.misuse(what .. ": expected " .. name .. ", got " ..
      (value == "" and "an empty text" or type(value)))
  end
end

-- The bytes of a file, and who else has them; nil and an errno.
local function read(path)
  if path:find "%z" then return nil, numbers.EINVAL end
  local room, exposed = ffi.new("char[?]", LARGEST), ffi.new("uint32_t[1]")
  local size = C.eddy_key_file_read(path, room, LARGEST, exposed)
  if size < 0 then return nil, -size end
  local text = ffi.string(room, size)
  ffi.fill(room, size)
  return text, exposed[0]
end

local function exists(path)
  local text, code = read(path)
  return text ~= nil or code ~= numbers.ENOENT and code ~= numbers.ENOTDIR
end

-- Where a name without a slash is: among the credentials that systemd gave us, if it is there.
local function locate(name)
  local folder = os.getenv "CREDENTIALS_DIRECTORY"
  if folder and folder ~= "" and not name:find("/", 1, true) then
    local path = folder:gsub("/+$", "") .. "/" .. name
    if exists(path) then return path, true end
  end
  return name, false
end

-- Whether a text may be shown: a key that was mistyped is taken for the name of a file.
local function looks_like_a_path(text)
  local folder, name = text:match "^(...+)/([^/]*)$"
  return #text < 20 or text:find "%.key$" or text:find "%.txt$" or text:find "_secret$" or
    folder and #name < 20 and exists(folder)
end

local function shown(path, may_be_secret)
  if not may_be_secret or looks_like_a_path(path) then return path end
  return ("(a text of %d characters, which is not shown: it might be a secret key)"):format(#path)
end

--- A path as errors may show it, where a secret key may have been given for it.
function M.shown(path) return shown(path, true) end

--- Whether a text is a key itself: a file or folder may have a name of 40 characters, too.
function M.is_key(text)
  return certificate_text.is_key(text) and not exists((locate(text)))
end

-- What a file has, or raises.
local function load(path, what, may_be_secret)
  local text, code = read(path)
  if not text then fail(code, what, " ", shown(path, may_be_secret)) end
  local certificate, problem = certificate_text.parse(text)
  if problem then fail(numbers.EBADMSG, what, " ", shown(path, may_be_secret), ": ", problem) end
  return certificate, code
end

--- Reads a public key.
-- @param path_or_text a file, in $CREDENTIALS_DIRECTORY when it has no slash and is there; or the
-- key itself
-- @return the key, in Z85, and the file's metadata. Raises an error object: EBADMSG for what is no
-- certificate, or ENOENT and its kin
function M.load_public(path_or_text)
  check_text(path_or_text, "load_public", "a public key or its file")
  if M.is_key(path_or_text) then return path_or_text, {} end
  local certificate = load((locate(path_or_text)), "the public key", true)
  return certificate.public, certificate.metadata
end

-- Raises when others than us and root can have a secret file. systemd lets a service's user read
-- its credentials by an access list, which shows as the group's right.
local function refuse_exposed(path, exposed, is_credential)
  if band(exposed, C.EDDY_KEY_STRANGER) ~= 0 then
    fail(numbers.EACCES, "the secret key ", path, " belongs to another user, who can read it; " ..
      "if you trust what is in it, type:  chown $(id -u) ", quote(path), " && chmod 600 ",
      quote(path))
  end
  local open = C.EDDY_KEY_OTHERS + (is_credential and 0 or C.EDDY_KEY_GROUP)
  if band(exposed, open) ~= 0 then
    fail(numbers.EACCES, "the secret key ", path, " can be read by other users; type:  chmod 600 ",
      quote(path))
  end
end

-- A certificate with a secret key, which may be in the file beside the named one, as CZMQ has it.
local function load_with_secret(name)
  local path, is_credential = locate(name)
  local certificate, exposed = load(path, "the secret key", true)
  if not certificate.secret and exists(path .. "_secret") then
    path = path .. "_secret"
    certificate, exposed = load(path, "the secret key")
  end
  if certificate.secret then refuse_exposed(path, exposed, is_credential) end
  return certificate, path
end

--- Reads a secret key, and the public one.
-- @param path_or_text a file, as for `load_public`, or the one whose name has "_secret" behind
-- this one; or the secret key itself
-- @return the public and the secret key, in Z85, and the file's metadata. Raises as `load_public`
-- does, and EACCES when other users can have the file
function M.load_secret(path_or_text)
  check_text(path_or_text, "load_secret", "a secret key or its file")
  if M.is_key(path_or_text) then return curve_keys.curve_public(path_or_text), path_or_text, {} end
  local certificate, path = load_with_secret(path_or_text)
  if not certificate.secret then
    fail(numbers.EBADMSG, "the secret key ", path, ": there is no secret-key in it")
  end
  return certificate.public, certificate.secret, certificate.metadata
end

--- Reads a certificate.
-- @param path its file; nothing beside it is read
-- @return the public key, the secret one (nil: there is none in it), and the metadata. Raises as
-- `load_secret` does
function M.load(path)
  check_text(path, "load_certificate", "a file")
  local is_credential
  path, is_credential = locate(path)
  local certificate, exposed = load(path, "the certificate", true)
  if certificate.secret then refuse_exposed(path, exposed, is_credential) end
  return certificate.public, certificate.secret, certificate.metadata
end

local function names_in(folder)
  local room, size = 4096, nil
  repeat
    room = size and size * 2 or room -- it may grow meanwhile
    local buffer = ffi.new("char[?]", room)
    size = errors.check(C.eddy_key_folder(folder, buffer, room), "the folder of keys",
      M.shown(folder))
    if size <= room then
      local names = {}
      for name in ffi.string(buffer, size):gmatch "([^%z]+)" do names[#names + 1] = name end
      table.sort(names)
      return names
    end
  until false
end

-- Secret ones, and what editors leave, are none.
local function is_candidate(name)
  return not (name:find "_secret$" or name:find "^%." or name:find "~$")
end

--- Reads a folder of public keys: files NAME.key, and all others with a certificate in them but
-- secret ones. Folders in it are not read.
-- @return a table from keys, in Z85, to { name = the file's without its ending, metadata = }; and
-- a list of texts about files that have no certificate and should. Raises when there is no folder
function M.load_folder(folder)
  check_text(folder, "load_certificates", "a folder of keys")
  if folder:find "%z" then fail(numbers.EINVAL, "the folder of keys") end
  local keys, problems = {}, {}
  for _, name in ipairs(names_in(folder)) do
    if is_candidate(name) then
      local path, is_named_so = folder .. "/" .. name, name:find "%.key$"
      local text, code = read(path)
      local certificate, problem
      if not text then
        problem = errors.new(code, path).message
      elseif is_named_so or certificate_text.is_certificate(text) then
        certificate, problem = certificate_text.parse(text)
        problem = problem and path .. ": " .. problem
      end
      if certificate and not keys[certificate.public] then
        keys[certificate.public] = {
          name = name:gsub("%.key$", ""):gsub("%.txt$", ""), metadata = certificate.metadata,
        }
      end
      problems[#problems + 1] = problem
    end
  end
  return keys, problems
end

local function write(path, text, mode)
  return C.eddy_key_file_create(path, text, #text, mode)
end

--- Makes a pair of keys, and writes its two files: NAME.key for everybody, and NAME.key_secret
-- (0600) for its owner. Neither is ever overwritten.
-- @param folder where
-- @param name of letters, digits and the like
-- @param metadata texts by name, for both files; nil: none
-- @return the paths of the public and of the secret file. Raises EEXIST when there is one of them
function M.create(folder, name, metadata)
  check_text(folder, "create_certificates", "a folder")
  check_text(name, "create_certificates", "a name")
  if name:find "[/%c]" or name:find "^%.%.?$" then
    errors.misuse("create_certificates: the name has a slash or the like; the folder comes first")
  end
  local problem = certificate_text.check_metadata(metadata)
  if problem then errors.misuse("create_certificates: " .. problem) end
  local public_path = folder:gsub("([^/])/+$", "%1") .. "/" .. name .. ".key"
  public_path = public_path:gsub("^//", "/")
  local secret_path = public_path .. "_secret"
  if exists(public_path) then fail(numbers.EEXIST, public_path) end
  local public, secret = curve_keys.curve_keypair()
  errors.check(write(secret_path, certificate_text.format(public, secret, metadata), SECRET_MODE),
    secret_path)
  local result = write(public_path, certificate_text.format(public, nil, metadata), PUBLIC_MODE)
  if result < 0 then
    os.remove(secret_path)
    errors.check(result, public_path)
  end
  return public_path, secret_path
end

return M
