package nostrbot

import "time"

// SetCanaryLimit is for tests that do not wait half a minute.
func (b *Bot) SetCanaryLimit(d time.Duration) { b.canary.limit = d }
