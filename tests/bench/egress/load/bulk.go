package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// bulkResult is a throughput, in millions of bytes a second.
type bulkResult struct {
	MegabytesPerSecond float64 `json:"megabytesPerSecond"`
	tally
}

// down fetches bodies of so many bytes.
func down(o options) (any, error) {
	c, err := newClient(o.client)
	if err != nil {
		return nil, err
	}
	request := c.request("GET", "/big?n="+strconv.FormatInt(o.bytes, 10), "")
	return transfer(o, c, func(conn *connection) error {
		got, err := conn.get(request)
		if err == nil && got != o.bytes {
			err = fmt.Errorf("%d of %d bytes came", got, o.bytes)
		}
		return err
	})
}

// up sends bodies of so many bytes.
func up(o options) (any, error) {
	c, err := newClient(o.client)
	if err != nil {
		return nil, err
	}
	head := c.request("POST", "/upload", fmt.Sprintf("Content-Type: text/plain\r\nContent-Length: %d\r\n", o.bytes))
	part := filler(64 << 10)
	return transfer(o, c, func(conn *connection) error {
		if err := conn.send(head); err != nil {
			return err
		}
		for left := o.bytes; left > 0; left -= int64(len(part)) {
			if err := conn.send(part[:min(left, int64(len(part)))]); err != nil {
				return err
			}
		}
		length, err := conn.head()
		if err != nil {
			return err
		}
		_, err = conn.skip(length)
		return err
	})
}

// transfer repeats one exchange on each connection until the time is over; what is under way then is finished,
// and its time counts. The warm-up is one exchange.
func transfer(o options, c *client, exchange func(*connection) error) (any, error) {
	var group, warm sync.WaitGroup
	counts := make([]int64, o.conns)
	tallies := make([]tally, o.conns)
	begin := make(chan time.Time)
	warm.Add(o.conns)
	group.Add(o.conns)
	for i := range counts {
		go func() {
			defer group.Done()
			conn := &kept{client: c, until: time.Now().Add(o.span.measured + patience), tally: &tallies[i]}
			defer conn.close()
			conn.do(exchange)
			warm.Done()
			for until := <-begin; time.Now().Before(until); {
				if conn.do(exchange) {
					counts[i]++
				}
			}
		}()
	}
	warm.Wait()
	started := time.Now()
	for range counts {
		begin <- started.Add(o.span.measured)
	}
	group.Wait()
	spent := time.Since(started).Seconds()
	var result bulkResult
	var exchanges int64
	for i, count := range counts {
		exchanges += count
		result.tally.add(tallies[i])
	}
	if exchanges == 0 {
		return nil, fmt.Errorf("no body came through: %s", result.Failure)
	}
	result.MegabytesPerSecond = float64(exchanges*o.bytes) / 1e6 / spent
	return result, nil
}
