package main

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// eventsResult is how long events were on their way, in milliseconds.
type eventsResult struct {
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	Events int     `json:"events"`
}

var data = []byte("data: ")

// events reads one stream. Each event carries the time of its sending; both ends have one clock.
func events(o options) (any, error) {
	c, err := newClient(o.client)
	if err != nil {
		return nil, err
	}
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(o.span.warm + o.span.measured + patience))
	if _, err := conn.Write(c.request("GET", "/events", "")); err != nil {
		return nil, err
	}
	if _, err := conn.head(); err != nil {
		return nil, err
	}
	var delays []time.Duration
	from := time.Now().Add(o.span.warm)
	for until := from.Add(o.span.measured); time.Now().Before(until); {
		line, err := conn.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		// Chunk sizes and empty lines stand between.
		if !bytes.HasPrefix(line, data) {
			continue
		}
		now := time.Now()
		sent, err := strconv.ParseInt(string(bytes.TrimSpace(line[len(data):])), 10, 64)
		if err != nil {
			return nil, err
		}
		if now.After(from) {
			delays = append(delays, time.Duration(sinceMidnight(now)-sent)*time.Microsecond)
		}
	}
	if len(delays) == 0 {
		return nil, errors.New("no event came")
	}
	return eventsResult{percentile(delays, 50), percentile(delays, 99), len(delays)}, nil
}

// sinceMidnight is a clock in microseconds with few digits: longer numbers are taken for those of bank cards.
func sinceMidnight(now time.Time) int64 {
	return now.UnixMicro() % (24 * time.Hour).Microseconds()
}
