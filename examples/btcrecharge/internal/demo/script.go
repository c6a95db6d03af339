package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/customer"
)

const (
	answerWithin = 30 * time.Second
	maxLine      = 1 << 20
)

// Script plays the lines of r as the customer, each DM after the one before
// was answered. It returns nil when all of them ran.
func (w *World) Script(ctx context.Context, r io.Reader) error {
	lines, failed := scan(ctx, r)
	n, killed := 0, false
	for {
		var text string
		select {
		case next, more := <-lines:
			if !more {
				return endOf(n, killed, <-failed)
			}
			text = next
		case <-ctx.Done():
			return ctx.Err()
		}
		n++
		if strings.TrimSpace(text) == "" {
			continue
		}
		l, more, err := parseLine(text)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		l.killed, killed = l.killed || killed, more
		if more {
			continue
		}
		if err := w.play(ctx, l); err != nil {
			return fmt.Errorf("line %d (%s): %w", n, quote(clip(text)), err)
		}
	}
}

func endOf(n int, killed bool, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("line %d: %w", n+1, err)
	case killed:
		return fmt.Errorf("line %d: :crash! wants a line after it", n)
	}
	return nil
}

// scan reads lines apart, since reading cannot be interrupted: at ctx's end
// the reader is left behind, with the process about to end.
func scan(ctx context.Context, r io.Reader) (lines <-chan string, failed <-chan error) {
	out, end := make(chan string), make(chan error, 1)
	go func() {
		defer close(out)
		s := bufio.NewScanner(r)
		s.Buffer(make([]byte, 64<<10), maxLine)
		for s.Scan() {
			select {
			case out <- s.Text():
			case <-ctx.Done():
				end <- nil
				return
			}
		}
		end <- s.Err()
	}()
	return out, end
}

// play does one line and waits for what it asks for.
func (w *World) play(ctx context.Context, l line) error {
	var id string
	var err error
	switch l.act {
	case say:
		id, err = w.say(ctx, l.text)
	case address:
		id, err = w.say(ctx, w.Address())
	case lnurl:
		id, err = w.say(ctx, w.LNURL())
	case pay:
		err = w.pay(ctx)
	case balance:
		err = w.printBalance(ctx)
	case crash:
		err = w.crash()
	}
	if err != nil {
		return err
	}
	if l.killed {
		if err := w.crash(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, errNoAnswer)
	defer cancel()
	switch {
	case id != "":
		err = w.heard.WaitAnswer(ctx, id)
	case l.act == wait:
		err = w.heard.WaitText(ctx, l.text)
	}
	if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		return fmt.Errorf("%w within %v%s", errNoAnswer, answerWithin, w.botTrouble())
	}
	return err
}

var errNoAnswer = errors.New("no such DM came from the bot")

func (w *World) say(ctx context.Context, text string) (id string, err error) {
	w.print(indent("you", text))
	id, err = w.client.Say(ctx, text)
	if errors.Is(err, customer.ErrNotSent) {
		return "", fmt.Errorf("your client could not send this DM: %w", err)
	}
	return id, err
}

func (w *World) pay(ctx context.Context) error {
	amount, err := w.Pay(ctx)
	if err != nil {
		return err
	}
	w.print(fmt.Sprintf("paid: %v", amount))
	return nil
}

func (w *World) printBalance(ctx context.Context) error {
	b, err := w.wallet.Balance(ctx)
	if err != nil {
		return err
	}
	sat, _ := b.Sat()
	w.print(fmt.Sprintf("balance: %d sat", sat))
	return nil
}

func (w *World) crash() error {
	if err := w.bot.kill(); err != nil {
		return err
	}
	return w.bot.start()
}
