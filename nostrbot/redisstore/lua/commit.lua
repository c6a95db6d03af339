-- Commit: one batch of one customer, all of it or nothing.
local revs, session, done, parcels, queue, kept, waiting, runs, wakes, ages = unpack(KEYS)
local customer, rev, now, state, cause = unpack(ARGV, 1, 5)
local session_old, done_old, session_ms, done_ms = unpack(ARGV, 6, 9)
local n_done, n_parcels, n_ended, n_runs =
	tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local first_done = 14
local first_parcel = first_done + n_done
local first_ended = first_parcel + 4 * n_parcels
local first_run = first_ended + n_ended
local limit = 16 + 2 * (n_done + n_parcels + n_runs) -- how much of each kind is removed

-- Nothing is written before all of this is decided.
for i = first_done, first_parcel - 1 do
	local at = redis.call('ZSCORE', done, ARGV[i])
	if at and tonumber(at) > tonumber(done_old) then
		return 'done'
	end
end
if rev ~= '-1' and rev ~= (redis.call('HGET', revs, customer) or '0') then
	return 'conflict'
end

if rev ~= '-1' then
	redis.call('HINCRBY', revs, customer, 1)
	if state == '' then
		redis.call('DEL', session)
	else
		redis.call('SET', session, state, 'PX', session_ms)
	end
else
	local written = string.match(redis.call('GETRANGE', session, 0, 24), '^%-?%d+')
	if written and tonumber(written) <= tonumber(session_old) then
		redis.call('DEL', session)
	end
end

for i = first_done, first_parcel - 1 do
	redis.call('ZADD', done, now, ARGV[i])
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', done, '-inf', done_old, 'LIMIT', 0, limit)) do
	redis.call('ZREM', done, id)
end
if n_done > 0 then
	redis.call('PEXPIRE', done, done_ms)
end

local brought = ''
for i = first_parcel, first_ended - 1, 4 do
	local id, moving, fixed, rumor = unpack(ARGV, i, i + 3)
	if redis.call('HSETNX', parcels, 'm' .. id, moving) == 1 then
		redis.call('HSET', parcels, 'f' .. id, fixed)
		if rumor ~= '' then
			redis.call('HSET', parcels, 'r' .. id, rumor)
		end
		redis.call('RPUSH', queue, id)
		brought = brought .. #id .. ':' .. id
	end
end
if brought ~= '' then
	redis.call('PERSIST', parcels) -- what is pending does not expire
	redis.call('PERSIST', kept)
	redis.call('ZADD', waiting, 0, customer)
	if cause ~= '' then
		local before = redis.call('HGET', parcels, 'b' .. cause) or ''
		redis.call('HSET', parcels, 'b' .. cause, before .. brought)
	end
end

-- without returns a list of ids as above, without one of them.
local function without(list, gone)
	local left, at = '', 1
	while at <= #list do
		local _, last, length = string.find(list, '^(%d+):', at)
		local id = string.sub(list, last + 1, last + length)
		if id ~= gone then
			left = left .. length .. ':' .. id
		end
		at = last + length + 1
	end
	return left
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', kept, '-inf', done_old, 'LIMIT', 0, limit)) do
	local fixed = redis.call('HGET', parcels, 'f' .. id)
	local _, last, length = string.find(fixed, '^%-?%d+ (%d+) ')
	local field = 'b' .. string.sub(fixed, last + 1, last + length)
	local left = without(redis.call('HGET', parcels, field) or '', id)
	if left ~= '' then
		redis.call('HSET', parcels, field, left)
	else
		redis.call('HDEL', parcels, field)
	end
	redis.call('HDEL', parcels, 'm' .. id, 'f' .. id, 'r' .. id)
	redis.call('ZREM', kept, id)
end

local function forget(key)
	redis.call('HDEL', runs, key)
	redis.call('ZREM', wakes, key)
	redis.call('ZREM', ages, key)
end

for i = first_ended, first_run - 1 do
	local run = redis.call('HGET', runs, ARGV[i])
	if run and string.sub(run, -#customer) == customer then
		forget(ARGV[i])
	end
end
for i = first_run, first_run + 3 * n_runs - 1, 3 do
	local key, run, wake = unpack(ARGV, i, i + 2)
	redis.call('HSET', runs, key, run)
	redis.call('ZADD', ages, now, key)
	if wake ~= '' then
		redis.call('ZADD', wakes, wake, key)
	else
		redis.call('ZREM', wakes, key)
	end
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', ages, '-inf', session_old, 'LIMIT', 0, limit)) do
	forget(key)
end
return 'ok'
