package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

// poll is the time between two tries.
const poll = 2 * time.Millisecond

// readyResult is when a proxy answered, in milliseconds since the epoch.
type readyResult struct {
	// Ready: all health checks were answered.
	Ready float64 `json:"ready"`
	// First: the first proxied request was.
	First float64 `json:"first"`
}

// ready waits for a proxy that is being started.
func ready(o options) (any, error) {
	c, err := newClient(o.client)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(patience)
	for _, check := range o.health {
		if err := until(end, func() error { return healthy(check) }); err != nil {
			return nil, err
		}
	}
	for _, address := range o.tunnels {
		if err := until(end, func() error { return tunnels(address, o.client.target) }); err != nil {
			return nil, err
		}
	}
	answered := now()
	request := c.request("GET", "/small", "")
	err = until(end, func() error {
		conn, err := c.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.get(request)
		return err
	})
	return readyResult{answered, now()}, err
}

func now() float64 {
	return float64(time.Now().UnixMicro()) / 1000
}

func until(end time.Time, try func() error) error {
	for {
		err := try()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(poll)
	}
}

// healthy asks for `ADDR,URL`: a path, or a URL in absolute form.
func healthy(check string) error {
	address, text, _ := strings.Cut(check, ",")
	target, err := url.Parse(text)
	if err != nil {
		return err
	}
	host := cmp.Or(target.Host, address)
	tcp, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer tcp.Close()
	tcp.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(tcp, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", text, host)
	line, err := bufio.NewReader(tcp).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "HTTP/1.1 200") {
		return errors.New(address + " answered with " + line)
	}
	return nil
}

func tunnels(address, target string) error {
	tcp, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer tcp.Close()
	tcp.SetDeadline(time.Now().Add(time.Second))
	return tunnel(tcp, target)
}

// check asks upstream whose credential it sees: `injected`, `own` (the agent's) or `none`.
func check(o options) (any, error) {
	c, err := newClient(o.client)
	if err != nil {
		return nil, err
	}
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(c.request("GET", "/check", "")); err != nil {
		return nil, err
	}
	length, err := conn.head()
	if err != nil {
		return nil, err
	}
	if length == chunked {
		return nil, errors.New("the answer to /check came in chunks")
	}
	body, err := io.ReadAll(io.LimitReader(conn.in, length))
	return string(body), err
}
