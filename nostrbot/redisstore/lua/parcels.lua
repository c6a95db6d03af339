-- Parcels, four values each: those that wait, or those that a message brought.
local parcels, queue = unpack(KEYS)
local cause, limit = unpack(ARGV)
local ids = {}
if cause == '' then
	ids = redis.call('LRANGE', queue, 0, limit - 1)
else
	local list, at = redis.call('HGET', parcels, 'b' .. cause) or '', 1
	while at <= #list do
		local _, last, length = string.find(list, '^(%d+):', at)
		ids[#ids + 1] = string.sub(list, last + 1, last + length)
		at = last + length + 1
	end
end
local found = {}
for _, id in ipairs(ids) do
	local p = redis.call('HMGET', parcels, 'm' .. id, 'f' .. id, 'r' .. id)
	local n = #found
	found[n + 1], found[n + 2], found[n + 3], found[n + 4] = id, p[1], p[2], p[3]
end
return found
