package redisstore

import (
	"strconv"

	"github.com/dmshop/dmshop/nostrbot"
)

// shards is how many parts the customers fall into, by the first hex digit of
// their keys. All keys of a shard have one hash tag, so that a script may use
// them together on a cluster, too; and the shards in order are the customers in
// order.
const shards = 16

// layout names what is stored where. {P:S} is the hash tag of shard S.
//
// Of the shard:
//
//	{P:S}rev   hash    customer -> revision; for ever
//	{P:S}wait  zset    customers with pending parcels, in order
//	{P:S}run   hash    run key -> put at, wake at, customer
//	{P:S}wake  zset    run keys by when they want to be woken
//	{P:S}age   zset    run keys by when they were put
//
// Of a customer C (32 bytes), each removed by Redis when nobody comes back:
//
//	{P:S}sC    string  state, after when it was written
//	{P:S}dC    zset    ids of done messages by when
//	{P:S}pC    hash    parcels: m+id what Update changes, f+id what stays,
//	                   r+id the rumor, b+message the ids it brought
//	{P:S}qC    list    ids of pending parcels, in order
//	{P:S}kC    zset    ids of other parcels by when they were committed
//	{P:S}lC    string  the holder of the claim
//
// And for the values of payments.KV:
//
//	{P:kv}value  hash  name -> revision, value
//	{P:kv}name   zset  names, in order
type layout struct {
	shards [shards]shardKeys

	values, names, version string
}

type shardKeys struct{ tag, revs, waiting, runs, wakes, ages string }

func newLayout(prefix string) *layout {
	l := &layout{version: prefix + ":version", values: "{" + prefix + ":kv}value", names: "{" + prefix + ":kv}name"}
	for i := range l.shards {
		tag := "{" + prefix + ":" + strconv.FormatInt(int64(i), 16) + "}"
		l.shards[i] = shardKeys{tag, tag + "rev", tag + "wait", tag + "run", tag + "wake", tag + "age"}
	}
	return l
}

func shardOf(customer nostrbot.PubKey) int { return int(customer[0] >> 4) }

// of returns the keys of a customer's shard, and how to name the customer's
// own.
func (l *layout) of(customer nostrbot.PubKey) (shard *shardKeys, own func(kind string) string) {
	shard = &l.shards[shardOf(customer)]
	return shard, func(kind string) string { return shard.tag + kind + string(customer[:]) }
}
