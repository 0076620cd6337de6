-- The database of metrics_collector.lua, in a process of its own, as SQLite waits for the disk.
local sqlite = require "luasql.sqlite3"

local M = {}

local connections = {}

local function connect(path)
  if connections[path] then return connections[path] end
  local connection = assert(sqlite.sqlite3():connect(path))
  assert(connection:execute [[CREATE TABLE IF NOT EXISTS samples
    (name TEXT NOT NULL, at REAL NOT NULL, value REAL NOT NULL)]])
  assert(connection:execute "CREATE INDEX IF NOT EXISTS by_name ON samples (name, at)")
  connections[path] = connection
  return connection
end

--- Writes samples in one transaction: all of them or none.
-- @param list three values for each: name, time in ms, value
-- @return how many
function M.write(path, list)
  local connection = connect(path)
  assert(connection:execute "BEGIN IMMEDIATE")
  local ok, err = pcall(function()
    for i = 1, #list, 3 do
      assert(connection:execute(("INSERT INTO samples VALUES ('%s', %.17g, %.17g)"):format(
        connection:escape(list[i]), list[i + 1], list[i + 2])))
    end
    assert(connection:execute "COMMIT")
  end)
  if ok then return #list / 3 end
  connection:execute "ROLLBACK"
  error(err, 0)
end

--- What is known of a name since a time: how many samples, the least, the mean, the most.
function M.summary(path, name, since)
  local connection = connect(path)
  local cursor = assert(connection:execute(([[SELECT count(*), min(value), avg(value), max(value)
    FROM samples WHERE name = '%s' AND at >= %.17g]]):format(connection:escape(name), since)))
  local count, least, mean, most = cursor:fetch()
  cursor:close()
  return tonumber(count), tonumber(least), tonumber(mean), tonumber(most)
end

return M
