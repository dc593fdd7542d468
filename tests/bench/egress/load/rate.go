package main

import (
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
}

// worker is one connection's loop. It calls done after each exchange and ends when done says so.
type worker func(done func(started time.Time) (more bool)) error

// rate sends requests on kept connections, the next when the answer to the last is complete.
func rate(o options) (any, error) {
	c, err := newClient(o.client)
	if err != nil {
		return nil, err
	}
	request := c.request("GET", "/small", "")
	return measure(o, func(done func(time.Time) bool) error {
		conn, err := c.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(o.span.warm + o.span.measured + patience))
		for more := true; more; {
			started := time.Now()
			if _, err := conn.get(request); err != nil {
				return err
			}
			more = done(started)
		}
		return nil
	})
}

// fresh makes a new connection for each request: TCP, CONNECT, a full handshake, one GET.
func fresh(o options) (any, error) {
	c, err := newClient(o.client)
	if err != nil {
		return nil, err
	}
	request := c.request("GET", "/small", "")
	return measure(o, func(done func(time.Time) bool) error {
		for more := true; more; {
			started := time.Now()
			conn, err := c.dial()
			if err != nil {
				return err
			}
			_, err = conn.get(request)
			conn.Close()
			if err != nil {
				return err
			}
			more = done(started)
		}
		return nil
	})
}

// measure runs one worker for each connection. An exchange counts when it ends within the measured time.
func measure(o options, work worker) (rateResult, error) {
	var group sync.WaitGroup
	samples := make([][]time.Duration, o.conns)
	counts := make([]int, o.conns)
	failures := make(chan error, o.conns)
	from := time.Now().Add(o.span.warm)
	until := from.Add(o.span.measured)
	for i := 0; i < o.conns; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			err := work(func(started time.Time) bool {
				now := time.Now()
				counts[i]++
				if now.After(from) && now.Before(until) {
					samples[i] = append(samples[i], now.Sub(started))
				}
				return now.Before(until)
			})
			if err != nil {
				failures <- err
			}
		}(i)
	}
	group.Wait()
	select {
	case err := <-failures:
		return rateResult{}, err
	default:
	}
	var all []time.Duration
	total := 0
	for i, own := range samples {
		all = append(all, own...)
		total += counts[i]
	}
	return rateResult{
		PerSecond: float64(len(all)) / o.span.measured.Seconds(),
		P50:       percentile(all, 50),
		P99:       percentile(all, 99),
		All:       total,
	}, nil
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
