-- What jobs.lua has done in processes of its own: a module like any other.
local M = {}

--- How many primes there are from one number up to below another.
function M.count(from, to)
  local count = 0
  for n = math.max(from, 2), to - 1 do
    local is_prime, divisor = true, 2
    while is_prime and divisor * divisor <= n do
      is_prime, divisor = n % divisor ~= 0, divisor + 1
    end
    if is_prime then count = count + 1 end
  end
  return count
end

return M
