-- Update: a parcel that is pending moves on.
local parcels, queue, kept, waiting = unpack(KEYS)
local customer, id, moving, done_ms = unpack(ARGV)
local before = redis.call('HGET', parcels, 'm' .. id)
if not before or string.sub(before, 1, 1) ~= 'p' then
	return
end
redis.call('HSET', parcels, 'm' .. id, moving)
if string.sub(moving, 1, 1) == 'p' then
	return
end
redis.call('HDEL', parcels, 'r' .. id)
redis.call('LREM', queue, 1, id)
redis.call('ZADD', kept, string.match(redis.call('HGET', parcels, 'f' .. id), '^%-?%d+'), id)
if redis.call('EXISTS', queue) == 0 then
	redis.call('ZREM', waiting, customer)
	redis.call('PEXPIRE', parcels, done_ms)
	redis.call('PEXPIRE', kept, done_ms)
end
