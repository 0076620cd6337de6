-- What links and their streams have on the process's counters page, written some times a second.
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

local M = { STREAM = C.EDDY_PAGE_JETSTREAM, LINK = C.EDDY_PAGE_LINK }

local function put(array, text) ffi.copy(array, text:sub(1, ffi.sizeof(array) - 1)) end

--- A place on the page; false where there is none.
function M.open(loop, type, name, endpoint)
  local record = C.eddy_page_add(ffi.sizeof "eddy_page_stream")
  if record == nil then return false end
  local page = ffi.cast("eddy_page_stream *", record)
  page.loop = C.eddy_loop_page(loop:_core "connect").record.number
  page.type, page.opened = type, C.eddy_time()
  put(page.name, name)
  put(page.endpoint, endpoint)
  C.eddy_page_show(record, C.EDDY_PAGE_STREAM)
  return page
end

--- A link's numbers: of plain subjects, since its streams have their own.
function M.show_link(page, link, stats)
  page.receiving = link._connected and 1 or 0
  put(page.endpoint, link.server or "")
  local to = page.stats
  to.messages_in, to.bytes_in = link._plain_in, link._plain_bytes_in
  to.messages_out, to.bytes_out = link._plain_out, link._plain_bytes_out
  to.queued, to.queued_bytes, to.dropped = stats.waiting, stats.waiting_bytes, stats.dropped
  to.high_water = math.max(to.high_water, to.queued)
  to.high_water_bytes = math.max(to.high_water_bytes, to.queued_bytes)
end

--- A stream's numbers.
function M.show_stream(page, stream)
  local to, counts, sender = page.stats, stream._counts, stream._sender
  page.receiving = stream._on_recv and 1 or 0
  put(page.name, stream.name)
  to.messages_in, to.bytes_in = counts.received, counts.bytes
  to.messages_out, to.bytes_out = sender.stored, sender.stored_bytes
  to.queued, to.queued_bytes = sender:count(), sender:bytes()
  to.high_water = math.max(to.high_water, to.queued)
  to.high_water_bytes = math.max(to.high_water_bytes, to.queued_bytes)
  to.dropped, to.errors = sender.failed, counts.raised
  page.unanswered = counts.unanswered
end

--- Gives a place back.
function M.close(page)
  if page then C.eddy_page_remove(page.record) end
end

return M
