package nostrbot

import (
	"context"
	"fmt"
	"runtime/debug"
)

// PanicError is the error that a handler's panic becomes.
type PanicError struct {
	// Value is what panic was called with. It may hold a customer's text.
	Value any
	// Stack is the goroutine's, as [debug.Stack] has it.
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("handler panicked: %v\n%s", e.Value, e.Stack) }

// Unwrap is the error that panic was called with, if it was one.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Recover turns a panic of what is inside of it into a [PanicError], for the
// middleware outside of it. The bot itself recovers in any case, so that a panic
// is a failed run of the handler and harms nobody else; Recover is for those who
// want to see it as an error on its way out.
//
//	bot.Use(audit, nostrbot.Recover)
func Recover(next Handler) Handler {
	return func(ctx context.Context, m *Message) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = &PanicError{Value: p, Stack: debug.Stack()}
			}
		}()
		return next(ctx, m)
	}
}
