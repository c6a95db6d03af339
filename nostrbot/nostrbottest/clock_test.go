package nostrbottest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

var _ nostrbot.Clock = new(nostrbottest.Clock)

func fired(c <-chan time.Time) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestClock_RunsAndIsPutForward(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c nostrbottest.Clock
		start := time.Now()
		require.Equal(t, start, c.Now())
		require.True(t, fired(c.After(0)))
		soon, late := c.After(time.Second), c.After(time.Hour)
		time.Sleep(time.Second)
		synctest.Wait()
		require.True(t, fired(soon), "it runs")
		c.Advance(59 * time.Minute)
		require.False(t, fired(late))
		require.Equal(t, start.Add(59*time.Minute+time.Second), c.Now())
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.True(t, fired(late), "an hour is over: one part was advanced, one passed")
		c.Advance(0)
		require.Panics(t, func() { c.Advance(-1) })
	})
}

func TestClock_Frozen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c nostrbottest.Clock
		wait := c.After(time.Minute)
		c.Freeze()
		c.Freeze()
		start := c.Now()
		later := c.After(time.Minute)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, start, c.Now())
		require.False(t, fired(wait))
		require.False(t, fired(later))
		c.Advance(time.Minute)
		require.True(t, fired(wait))
		require.True(t, fired(later))
		require.Equal(t, start.Add(time.Minute), c.Now())
	})
}

// Somebody works out how long to wait for a date, the test advances the clock
// past it, and only then the wait begins.
func TestClock_AdvanceIsNotMissed(t *testing.T) {
	t.Parallel()
	for _, frozen := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var c nostrbottest.Clock
			if frozen {
				c.Freeze()
			}
			date := c.Now().Add(15 * time.Minute)
			d := date.Sub(c.Now())
			c.Advance(10 * time.Minute)
			c.Advance(5 * time.Minute)
			wait := c.After(d)
			time.Sleep(time.Second)
			synctest.Wait()
			require.True(t, fired(wait))

			// Once that is over, a wait is as long as it says.
			wait = c.After(time.Minute)
			time.Sleep(59 * time.Second)
			synctest.Wait()
			require.False(t, fired(wait))
			c.Advance(time.Minute)
			require.True(t, fired(wait))
		})
	}
}
