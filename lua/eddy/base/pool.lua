-- Memory for the length of a call, of which nobody else has the same meanwhile: a finalizer or a
-- hook that runs in the middle takes other memory.
--
-- Between `take` and `give` nothing of the script's may be called. So what runs there all the same,
-- also in the middle of these two, has given back what it took when they go on: at worst the pool
-- has an object less. One that an error passed by is not given back: the collector has it.

--- Makes a pool.
-- @param new makes an object
-- @return take(), which returns an object, and give(object), when nobody uses it any more
return function(new)
  local free, count = {}, 0

  local function take()
    local last = count
    if last == 0 then return new() end
    local object = free[last]
    count = last - 1
    return object
  end

  local function give(object)
    local last = count + 1
    free[last] = object -- first: with the count, others take it
    count = last
  end

  return take, give
end
