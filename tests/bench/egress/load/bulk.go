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
	Megabytes          float64 `json:"megabytes"`
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
		if _, err := conn.Write(head); err != nil {
			return err
		}
		for left := o.bytes; left > 0; {
			sent, err := conn.Write(part[:min(left, int64(len(part)))])
			if err != nil {
				return err
			}
			left -= int64(sent)
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
	failures := make(chan error, o.conns)
	counts := make([]int64, o.conns)
	begin := make(chan struct{})
	work := func(i int) error {
		conn, err := c.dial()
		if err == nil {
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(o.span.measured + patience))
			err = exchange(conn)
		}
		warm.Done()
		<-begin
		for end := time.Now().Add(o.span.measured); err == nil && time.Now().Before(end); counts[i]++ {
			err = exchange(conn)
		}
		return err
	}
	warm.Add(o.conns)
	for i := 0; i < o.conns; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			if err := work(i); err != nil {
				failures <- err
			}
		}(i)
	}
	warm.Wait()
	started := time.Now()
	close(begin)
	group.Wait()
	spent := time.Since(started).Seconds()
	select {
	case err := <-failures:
		return nil, err
	default:
	}
	var exchanges int64
	for _, count := range counts {
		exchanges += count
	}
	megabytes := float64(exchanges*o.bytes) / 1e6
	return bulkResult{megabytes / spent, megabytes}, nil
}
