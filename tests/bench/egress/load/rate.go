package main

import (
	"fmt"
	"sort"
	"sync"
	"time"
)

// rateResult is what requests came to. Times are milliseconds.
type rateResult struct {
	PerSecond float64 `json:"perSecond"`
	P50       float64 `json:"p50"`
	P99       float64 `json:"p99"`
	// All counts the warm-up too.
	All int `json:"all"`
	tally
}

// rate sends requests on kept connections, the next when the answer to the last is complete.
func rate(o options) (any, error) {
	return repeat(o, false)
}

// fresh makes a new connection for each request: TCP, CONNECT, a full handshake, one GET.
func fresh(o options) (any, error) {
	return repeat(o, true)
}

// repeat runs one loop of requests for each connection.
func repeat(o options, anew bool) (any, error) {
	c, err := newClient(o.client)
	if err != nil {
		return nil, err
	}
	request := c.request("GET", "/small", "")
	from := time.Now().Add(o.span.warm)
	until := from.Add(o.span.measured)
	loops := make([]loop, o.conns)
	var group sync.WaitGroup
	for i := range loops {
		group.Add(1)
		go func(l *loop) {
			defer group.Done()
			conn := &kept{client: c, until: until.Add(patience), tally: &l.tally}
			defer conn.close()
			for started := time.Now(); started.Before(until); started = time.Now() {
				ok := conn.do(func(conn *connection) error {
					_, err := conn.get(request)
					return err
				})
				if anew {
					conn.close()
				}
				l.count(ok, started, from, until)
			}
		}(&loops[i])
	}
	group.Wait()
	return summary(loops, o.span.measured)
}

// loop is what one connection has measured.
type loop struct {
	times []time.Duration
	all   int
	tally tally
}

// count adds a request that ends now. It is measured when it ends within the measured time.
func (l *loop) count(ok bool, started, from, until time.Time) {
	if !ok {
		return
	}
	l.all++
	if now := time.Now(); now.After(from) && now.Before(until) {
		l.times = append(l.times, now.Sub(started))
	}
}

func summary(loops []loop, measured time.Duration) (any, error) {
	var times []time.Duration
	var result rateResult
	for _, l := range loops {
		times = append(times, l.times...)
		result.All += l.all
		result.tally.add(l.tally)
	}
	if len(times) == 0 {
		return nil, fmt.Errorf("no request was answered in time: %s", result.Failure)
	}
	result.PerSecond = float64(len(times)) / measured.Seconds()
	result.P50 = percentile(times, 50)
	result.P99 = percentile(times, 99)
	return result, nil
}

// percentile sorts the times and picks one, in milliseconds.
func percentile(times []time.Duration, share int) float64 {
	if len(times) == 0 {
		return 0
	}
	sort.Slice(times, func(a, b int) bool { return times[a] < times[b] })
	at := (len(times) - 1) * share / 100
	return float64(times[at].Nanoseconds()) / 1e6
}
