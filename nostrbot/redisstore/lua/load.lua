-- Load: revision, state, and when each of the ids was done.
local revs, session, done = unpack(KEYS)
local found = {redis.call('HGET', revs, ARGV[1]), redis.call('GET', session)}
for i = 2, #ARGV do
	found[i + 1] = redis.call('ZSCORE', done, ARGV[i])
end
return found
