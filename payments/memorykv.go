package payments

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
)

// NewMemoryKV makes an empty [KV] that lives and dies with the process: for
// tests and demos. Calls whose ctx has ended do nothing and return its error.
func NewMemoryKV() KV { return &memoryKV{entries: map[string]memoryEntry{}} }

type memoryKV struct {
	mu      sync.RWMutex
	entries map[string]memoryEntry
}

type memoryEntry struct {
	value []byte
	rev   int64
}

func (m *memoryKV) Get(ctx context.Context, name string) ([]byte, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.entries[name]
	return bytes.Clone(e.value), e.rev, nil
}

func (m *memoryKV) Put(ctx context.Context, name string, value []byte, rev int64) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[name].rev != rev {
		return false, nil
	}
	m.entries[name] = memoryEntry{value: bytes.Clone(value), rev: rev + 1}
	return true, nil
}

func (m *memoryKV) List(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for name := range m.entries {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
