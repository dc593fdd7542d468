package main

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// patience bounds a dial, and what a load may take beyond its own time.
const patience = 30 * time.Second

// errClosed is a connection that ended before it answered anything.
var errClosed = errors.New("closed before an answer")

// attempts bounds how often a request is sent whose connection was closed at that very moment.
const attempts = 5

// kept is a connection that is used again and again, and opened anew when the peer has closed it, as clients do.
// What that costs is part of the request.
type kept struct {
	client *client
	until  time.Time
	conn   *connection
	tally  *tally
}

// tally counts what went wrong.
type tally struct {
	// Redials: connections that had ended when the next request was sent.
	Redials int `json:"redials"`
	// Failed requests count for nothing else.
	Failed int `json:"failed"`
	// Failure is the first one.
	Failure string `json:"failure,omitempty"`
}

func (t *tally) fail(err error) {
	if t.Failed == 0 {
		t.Failure = err.Error()
	}
	t.Failed++
}

func (t *tally) add(other tally) {
	if t.Failed == 0 {
		t.Failure = other.Failure
	}
	t.Failed += other.Failed
	t.Redials += other.Redials
}

// do performs one exchange. It returns false when that failed.
func (k *kept) do(exchange func(*connection) error) bool {
	var err error
	for try := 0; try < attempts; try++ {
		used := k.conn != nil
		if err = k.once(exchange); err == nil {
			return true
		}
		k.close()
		if !used || !errors.Is(err, errClosed) {
			break
		}
		k.tally.Redials++
	}
	k.tally.fail(err)
	return false
}

func (k *kept) once(exchange func(*connection) error) error {
	if k.conn == nil {
		conn, err := k.client.dial()
		if err != nil {
			return err
		}
		conn.SetDeadline(k.until)
		k.conn = conn
	}
	return exchange(k.conn)
}

func (k *kept) close() {
	if k.conn != nil {
		k.conn.Close()
	}
	k.conn = nil
}

// closed tells a connection that has ended from other faults.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
