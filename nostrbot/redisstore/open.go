package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/dmshop/dmshop/nostrbot"
)

// Store is a connection to Redis. Its methods are safe for concurrent use. It
// implements nostrbot.Store, nostrbot.Claimer and payments.KV; see the package
// documentation for what it promises.
type Store struct {
	client *redis.Client
	keys   *layout

	mu     sync.RWMutex // held for reading by calls, so that Close waits for them
	closed bool
}

var (
	_ nostrbot.Store   = (*Store)(nil)
	_ nostrbot.Claimer = (*Store)(nil)
)

// layoutVersion names the arrangement of keys in keys.go. One that is not told
// apart by old programs must have another number.
const layoutVersion = "1"

var validPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Open connects to Redis and checks that it is fit to be a store. The URL is
// one of
//
//	redis://user:password@host:6379/0
//	rediss://user:password@host:6379/0
//	unix://user:password@/path/to/redis.sock?db=0
//
// where all but the host or the path may be left out, and the options of
// go-redis may follow, such as ?pool_size=40. Every key begins with prefix, 1 to
// 64 of [A-Za-z0-9._-], which names the bot. The caller closes the store.
func Open(ctx context.Context, url, prefix string) (*Store, error) {
	s, err := open(ctx, url, prefix)
	if err != nil {
		return nil, fmt.Errorf("redisstore: open: %w", explain(err))
	}
	return s, nil
}

func open(ctx context.Context, url, prefix string) (*Store, error) {
	if !validPrefix.MatchString(prefix) {
		return nil, fmt.Errorf("the prefix %q is not 1 to 64 of [A-Za-z0-9._-]: name the bot", prefix)
	}
	options, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{client: redis.NewClient(options), keys: newLayout(prefix)}
	if err := s.check(ctx); err != nil {
		return nil, errors.Join(err, s.client.Close())
	}
	return s, nil
}

func parse(address string) (*redis.Options, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		var syntax *url.Error
		if errors.As(err, &syntax) { // its text has the password
			return nil, errors.New("the URL cannot be read: want redis://user:password@host:6379/0, with %-escapes in the password")
		}
		return nil, err
	}
	// A write that is repeated in secret would find itself done.
	options.MaxRetries = -1
	options.ContextTimeoutEnabled = true
	options.DialerRetries = 1
	options.Protocol = 2
	options.DisableIdentity = true
	options.PipelinePoolSize = -1
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if options.ReadTimeout == 0 {
		options.ReadTimeout = 10 * time.Second // an fsync on a busy disk
	}
	return options, nil
}

// check refuses a server that would lose what it is given.
func (s *Store) check(ctx context.Context) error {
	text, err := s.client.Info(ctx).Result()
	if err != nil {
		return err
	}
	info := parseInfo(text)
	version := info["redis_version"]
	if major, _, _ := strings.Cut(version, "."); number(major) < 7 {
		return fmt.Errorf("the server is Redis %s: 7.0 or newer is needed", version)
	}
	if info["role"] == "slave" {
		return errors.New("the server is a replica, which cannot be written to: name its master")
	}
	if info["cluster_enabled"] == "1" {
		return errors.New("the server is a node of a cluster: a single server is needed")
	}
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		return fmt.Errorf("the server may evict what it was given (maxmemory-policy %s): set maxmemory-policy noeviction", policy)
	}
	if err := s.client.SetNX(ctx, s.keys.version, layoutVersion, 0).Err(); err != nil {
		return err
	}
	found, err := s.client.Get(ctx, s.keys.version).Result()
	if err == nil && found != layoutVersion {
		return fmt.Errorf("the keys are of layout %.20q and this program knows %s: use a newer version of the program, or another prefix", found, layoutVersion)
	}
	return err
}

// parseInfo reads the answer of INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// number is a decimal, or 0.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// Durable returns nil when the server, as it is set now, loses nothing that it
// acknowledged, also when the power fails: see the package documentation. The
// error says otherwise what may be lost, and what to set.
func (s *Store) Durable(ctx context.Context) error {
	return s.call(ctx, "durability", func() error {
		settings, err := s.client.ConfigGet(ctx, "*append*").Result()
		if err != nil {
			return fmt.Errorf("how Redis keeps its data cannot be asked (CONFIG GET): %w", err)
		}
		switch {
		case settings["appendonly"] != "yes":
			return errors.New("a restart of Redis loses what came after its last snapshot: set appendonly yes and appendfsync always")
		case settings["appendfsync"] != "always":
			return fmt.Errorf("a crash loses what Redis has not written to disk yet (appendfsync %s): set appendfsync always", settings["appendfsync"])
		case settings["no-appendfsync-on-rewrite"] != "no":
			return errors.New("a crash while the log is rewritten loses what was not written to disk: set no-appendfsync-on-rewrite no")
		}
		return nil
	})
}

// Close waits for calls under way and closes the connections. Calls after it
// fail with nostrbot.ErrStoreClosed; a second Close does nothing and returns
// nil.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("redisstore: close: %w", err)
	}
	return nil
}

// blame adds that ctx is over to the error of a call that it ended: the socket
// knows ctx's deadline, maybe a moment before ctx does, and tells of a timeout
// only.
func blame(ctx context.Context, err error) error {
	over := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(deadline) {
		over = context.DeadlineExceeded
	}
	if over == nil || errors.Is(err, over) {
		return err
	}
	return fmt.Errorf("%w: %w", over, err)
}

// call runs f unless the store is closed, keeps it open meanwhile, and says of
// an error what was being done.
func (s *Store) call(ctx context.Context, doing string, f func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	err := ctx.Err()
	switch {
	case s.closed:
		err = nostrbot.ErrStoreClosed
	case err == nil:
		if err = f(); err != nil {
			err = blame(ctx, err)
		}
	}
	if err != nil {
		return fmt.Errorf("redisstore: %s: %w", doing, explain(err))
	}
	return nil
}
