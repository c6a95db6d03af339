package redisstore

import (
	"context"
	_ "embed"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Each write is one script, so that it happens whole or not at all, whoever
// else is at it. What they share is told in keys.go.
var (
	//go:embed lua/commit.lua
	commitLua    string
	commitScript = redis.NewScript(commitLua)
	//go:embed lua/load.lua
	loadLua    string
	loadScript = redis.NewScript(loadLua)
	//go:embed lua/parcels.lua
	parcelsLua    string
	parcelsScript = redis.NewScript(parcelsLua)
	//go:embed lua/update.lua
	updateLua    string
	updateScript = redis.NewScript(updateLua)
	//go:embed lua/due.lua
	dueLua    string
	dueScript = redis.NewScript(dueLua)
	//go:embed lua/claim.lua
	claimLua    string
	claimScript = redis.NewScript(claimLua)
	//go:embed lua/release.lua
	releaseLua    string
	releaseScript = redis.NewScript(releaseLua)
	//go:embed lua/put.lua
	putLua    string
	putScript = redis.NewScript(putLua)
)

// run runs a script and returns its answer; a script that answers nothing is
// no error.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) *redis.Cmd {
	cmd := script.Run(ctx, s.client, keys, args...)
	if errors.Is(cmd.Err(), redis.Nil) {
		cmd.SetErr(nil)
	}
	return cmd
}
