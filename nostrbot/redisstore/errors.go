package redisstore

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/redis/go-redis/v9"
)

// remedies are what Redis' codes mean for whoever runs the bot.
var remedies = map[string]string{
	"NOAUTH":    "the server wants a password: write it into the URL",
	"WRONGPASS": "the server refuses the user or the password of the URL",
	"NOPERM":    "the user of the URL may not do this: allow it by ACL SETUSER",
	"OOM":       "the server's memory is full and nothing is written: give it more (maxmemory)",
	"MISCONF":   "the server cannot write to its disk, so nothing is written: is the disk full?",
	"READONLY":  "the server became a replica: name its master",
	"LOADING":   "the server is still reading its data: try again in a moment",
	"MOVED":     "the server became a node of a cluster: a single server is needed",
	"BUSY":      "a script of somebody else blocks the server: SCRIPT KILL ends it",
	"WRONGTYPE": "another program uses keys of this prefix: choose another prefix",

	"max number of clients reached": "the server has too many connections: raise maxclients, or lower pool_size in the URL",
	"DB index is out of range":      "the server has no database of that number",
}

// explain adds what an error means.
func explain(err error) error {
	for code, remedy := range remedies {
		if redis.HasErrorPrefix(err, code) {
			return fmt.Errorf("%s: %w", remedy, err)
		}
	}
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("Redis cannot be reached: is redis-server running there?: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("Redis closed the connection; the outcome is unknown: %w", err)
	}
	return err
}
