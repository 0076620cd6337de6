-- Opens a room of the core to its specs: declares what its header has, and hands out the
-- namespace. Needs the host `eddy-faults`, whose library shows the rooms.
local ffi = require "ffi"
local c = require "eddy.base.libeddy"

-- The public headers are declared by the library itself.
local declared = { ["eddy.h"] = true, ["counters/page.h"] = true,
  ["api/terminal.h"] = true }

-- What the headers use of other libraries' headers.
ffi.cdef [[
typedef struct zmq_msg_t { unsigned char _[64]; } __attribute__((aligned(8))) zmq_msg_t;
int zmq_msg_init(zmq_msg_t *msg);
int zmq_msg_init_size(zmq_msg_t *msg, size_t size);
int zmq_msg_close(zmq_msg_t *msg);
void *zmq_msg_data(zmq_msg_t *msg);
size_t zmq_msg_size(const zmq_msg_t *msg);
void *zmq_ctx_new(void);
int zmq_ctx_term(void *context);
]]

local function declare(header)
  if declared[header] then return end
  declared[header] = true
  local file = assert(io.open(EDDY_ROOT .. "/core/" .. header))
  local text = file:read("*a")
  file:close()
  for included in text:gmatch('#include "([^"]+)"') do declare(included) end
  text = text:gsub("\\\n", " "):gsub("#[^\n]*", "")
  -- FFI takes declarations, not bodies.
  text = text:gsub("\n[^\n;{}]*static inline[^{]*%b{}", "")
  ffi.cdef(text)
end

return function(room)
  declare(room .. ".h")
  return c.C, ffi
end
