package sqlitestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
)

// The test binary is also the process that is killed: TestMain sees the role.
const (
	childRole = "SQLITESTORE_TEST_ROLE"
	childFile = "SQLITESTORE_TEST_FILE"
)

var childNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const childCustomers = 4

func child(role, path string) {
	var err error
	switch role {
	case "commit":
		err = commitForEver(path)
	case "count":
		err = countTo50(path)
	default:
		err = errors.New("unknown role")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// start runs this test binary in a role.
func start(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childRole+"="+role, childFile+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// commitForEver writes numbered batches for each customer, large ones to have
// checkpoints often, and says on stdout what was acknowledged.
func commitForEver(path string) error {
	s, err := sqlitestore.Open(path)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make(chan error, childCustomers+1)
	for i := range childCustomers {
		wg.Go(func() { errs <- commitOne(s, i) })
	}
	wg.Go(func() { errs <- putOne(s) })
	err = <-errs
	wg.Wait()
	return err
}

func commitOne(s *sqlitestore.Store, i int) error {
	ctx, who := context.Background(), nostrbot.PubKey{byte(i + 1)}
	c, err := s.Load(ctx, who, childNow)
	if err != nil {
		return err
	}
	for rev := c.Rev; ; rev++ {
		n := strconv.FormatInt(rev+1, 10)
		b := nostrbot.Batch{Customer: who, Rev: rev, State: []byte(n), Done: []string{n}, Now: childNow}
		for _, part := range []string{"a", "b"} {
			b.Parcels = append(b.Parcels, nostrbot.Parcel{
				ID: n + part, To: who, Via: nostrbot.NIP17, Event: make([]byte, 6000),
			})
		}
		if err := s.Commit(ctx, b); err != nil {
			return err
		}
		fmt.Printf("%d %s\n", i, n)
	}
}

func putOne(s *sqlitestore.Store) error {
	_, rev, err := s.Get(context.Background(), "n")
	if err != nil {
		return err
	}
	for ; ; rev++ {
		ok, err := s.Put(context.Background(), "n", strconv.AppendInt(nil, rev+1, 10), rev)
		if err != nil || !ok {
			return fmt.Errorf("put at %d: %v, %w", rev, ok, err)
		}
		fmt.Printf("%d %d\n", childCustomers, rev+1)
	}
}

// A process is killed in the midst of commits, again and again on one file.
// What it had acknowledged is there, and every batch is there whole or not at
// all.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kill.db")
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		cmd := start(t, "commit", path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		acked := make([]int64, childCustomers+1)
		lines := bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			var who int
			var n int64
			// The last line may be cut off by the kill: it then says a smaller
			// number, or none.
			if _, err := fmt.Sscanf(lines.Text(), "%d %d", &who, &n); err == nil {
				acked[who] = max(acked[who], n)
			}
			if i == 40+round*97 {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait(), "the child was killed")
		checkWhole(t, path, acked)
	}
}

func checkWhole(t *testing.T, path string, acked []int64) {
	t.Helper()
	s, err := sqlitestore.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for i := range childCustomers {
		who := nostrbot.PubKey{byte(i + 1)}
		c, err := s.Load(t.Context(), who, childNow)
		require.NoError(t, err)
		require.GreaterOrEqual(t, c.Rev, acked[i], "customer %d lost what was acknowledged", i)
		if c.Rev == 0 {
			continue
		}
		require.Equal(t, strconv.FormatInt(c.Rev, 10), string(c.State))
		var ids, want []string
		for n := int64(1); n <= c.Rev+1; n++ {
			ids = append(ids, strconv.FormatInt(n, 10))
			if n <= c.Rev {
				want = append(want, ids[n-1]+"a", ids[n-1]+"b")
			}
		}
		c, err = s.Load(t.Context(), who, childNow, ids...)
		require.NoError(t, err)
		require.Equal(t, ids[:c.Rev], c.Done)
		ps, err := s.Parcels(t.Context(), who, 1<<30)
		require.NoError(t, err)
		var got []string
		for _, p := range ps {
			got = append(got, p.ID)
			require.Len(t, p.Event, 6000)
		}
		require.Equal(t, want, got)
	}
	value, rev, err := s.Get(t.Context(), "n")
	require.NoError(t, err)
	require.GreaterOrEqual(t, rev, acked[childCustomers])
	if rev > 0 {
		require.Equal(t, strconv.FormatInt(rev, 10), string(value))
	}
}

// countTo50 raises a number 50 times by compare-and-swap.
func countTo50(path string) error {
	s, err := sqlitestore.Open(path)
	if err != nil {
		return err
	}
	ctx, who := context.Background(), nostrbot.PubKey{1}
	for n := 0; n < 50; {
		c, err := s.Load(ctx, who, childNow)
		if err != nil {
			return err
		}
		sum, _ := strconv.Atoi(string(c.State))
		b := nostrbot.Batch{Customer: who, Rev: c.Rev, State: strconv.AppendInt(nil, int64(sum)+1, 10), Now: childNow}
		switch err := s.Commit(ctx, b); {
		case err == nil:
			n++
		case !errors.Is(err, nostrbot.ErrConflict):
			return err
		}
	}
	return s.Close()
}

// Processes that create, open and write one file at once lose no update.
func TestProcesses(t *testing.T) {
	t.Parallel()
	const processes = 3
	path := filepath.Join(t.TempDir(), "shared.db")
	var cmds []*exec.Cmd
	for range processes {
		cmd := start(t, "count", path)
		require.NoError(t, cmd.Start())
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		require.NoError(t, cmd.Wait())
	}
	c, err := open(t, path).Load(t.Context(), nostrbot.PubKey{1}, childNow)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(processes*50), string(c.State))
	require.EqualValues(t, processes*50, c.Rev)
}
