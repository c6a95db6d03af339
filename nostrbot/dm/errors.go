package dm

import "errors"

// ErrRefused is what every error has in common that says: this event is bad,
// and will be bad when it is tried again. Drop it, and do not record its id. An
// error of [Open] that is not ErrRefused means that the signer could not be
// asked; the event may be good.
var ErrRefused = errors.New("refused")

// Why a message is refused. Each is also [ErrRefused].
var (
	// ErrKind says that it is no direct message: the event, the seal or the
	// rumor is of another kind.
	ErrKind error = refusal("not a direct message")
	// ErrMalformed says that its shape is wrong: JSON, keys, tags, size.
	ErrMalformed error = refusal("malformed")
	// ErrNotForUs says that a "p" tag with our key is missing.
	ErrNotForUs error = refusal("not for us")
	// ErrOwn says that it claims to be from ourselves, as the copies do that
	// clients keep of what they sent. To answer it would be to talk to oneself.
	ErrOwn error = refusal("our own message")
	// ErrForged says that an id or a signature does not match, or that the
	// rumor names another author than the seal.
	ErrForged error = refusal("forged")
	// ErrStale says that its date is further off than MaxAge or MaxSkew.
	ErrStale error = refusal("date out of range")
	// ErrUndecryptable says that the ciphertext is not one, was made for
	// another key, or was changed on its way.
	ErrUndecryptable error = refusal("cannot be decrypted")
)

// ErrDraft is wrapped by the errors of [Seal] and [Wrap] that say what is wrong
// with the message to be sent.
var ErrDraft = errors.New("cannot be sent")

// ErrSecretKey is wrapped by the errors of a [Signer] made by [Nsec] from
// something that is no secret key.
var ErrSecretKey = errors.New("not a secret key: want nsec1... or 64 hex digits")

type refusal string

func (r refusal) Error() string        { return string(r) }
func (r refusal) Is(target error) bool { return target == ErrRefused }
