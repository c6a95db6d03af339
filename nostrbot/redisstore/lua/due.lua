-- Due runs of one shard, key and value of each, the earliest first.
local wakes, runs = unpack(KEYS)
local now, old, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local found, offset, page = {}, 0, nil
repeat
	page = redis.call('ZRANGEBYSCORE', wakes, '-inf', now, 'LIMIT', offset, math.min(limit, 1000))
	for _, key in ipairs(page) do
		local run = redis.call('HGET', runs, key)
		if #found < 2 * limit and tonumber(string.match(run, '^%-?%d+')) > old then
			found[#found + 1] = key
			found[#found + 1] = run
		end
	end
	offset = offset + #page
until #page == 0 or #found >= 2 * limit
return found
