-- Put a value if its name is still at a revision. A stored value begins with
-- its revision and a space.
local values, names = unpack(KEYS)
local name, rev, value = unpack(ARGV)
local before = redis.call('HGET', values, name)
if rev ~= (before and string.match(before, '^%d+') or '0') then
	return 0
end
redis.call('HSET', values, name, value)
redis.call('ZADD', names, 0, name)
return 1
