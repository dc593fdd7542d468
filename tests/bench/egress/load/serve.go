package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// eventInterval is the time between two events of a stream.
const eventInterval = 50 * time.Millisecond

// server is the upstream: its answers are prepared bytes.
type server struct {
	small    []byte
	part     []byte
	injected []byte
}

// serve answers until it is ended.
func serve(o options) (any, error) {
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", o.addr, &tls.Config{
		Certificates: []tls.Certificate{pair},
		NextProtos:   []string{"http/1.1"},
		// No peer may spare itself a handshake that another does in full.
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	})
	if err != nil {
		return nil, err
	}
	s := &server{
		small:    answer("application/json", smallBody()),
		part:     filler(64 << 10),
		injected: []byte("Bearer " + o.token),
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return nil, err
		}
		go func() {
			defer conn.Close()
			s.connection(&connection{conn, bufio.NewReaderSize(conn, bufferSize)})
		}()
	}
}

// incoming is what the server looks at in a request.
type incoming struct {
	path          string
	length        int64
	authorization []byte
}

// connection serves requests one after the other until the client ends it.
func (s *server) connection(c *connection) {
	for {
		request, err := readRequest(c)
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(request.path, "?")
		switch path {
		case "/small":
			_, err = c.Write(s.small)
		case "/big":
			err = s.big(c, query)
		case "/upload":
			err = s.upload(c, request.length)
		case "/events":
			err = stream(c)
		case "/check":
			_, err = c.Write(answer("text/plain", []byte(s.whose(request.authorization))))
		default:
			_, err = c.Write([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
		}
		if err != nil {
			return
		}
	}
}

func readRequest(c *connection) (incoming, error) {
	var request incoming
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return request, err
	}
	parts := bytes.SplitN(line, []byte(" "), 3)
	if len(parts) < 3 {
		return request, fmt.Errorf("no request line: %q", line)
	}
	request.path = string(parts[1])
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return request, err
		}
		if len(line) <= 2 {
			return request, nil
		}
		if value, found := field(line, "content-length:"); found {
			if request.length, err = strconv.ParseInt(value, 10, 64); err != nil {
				return request, err
			}
		} else if _, found := field(line, "transfer-encoding:"); found {
			request.length = chunked
		} else if value, found := field(line, "authorization:"); found {
			request.authorization = []byte(value)
		}
	}
}

func (s *server) big(c *connection, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	left, err := strconv.ParseInt(values.Get("n"), 10, 64)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", left); err != nil {
		return err
	}
	for left > 0 {
		sent, err := c.Write(s.part[:min(left, int64(len(s.part)))])
		if err != nil {
			return err
		}
		left -= int64(sent)
	}
	return nil
}

func (s *server) upload(c *connection, length int64) error {
	count, err := c.skip(length)
	if err != nil {
		return err
	}
	_, err = c.Write(answer("application/json", []byte(fmt.Sprintf(`{"bytes":%d}`, count))))
	return err
}

// stream sends events until the client is gone.
func stream(c *connection) error {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
	if _, err := io.WriteString(c, head); err != nil {
		return err
	}
	for {
		event := fmt.Sprintf("data: %d\n\n", sinceMidnight(time.Now()))
		if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(event), event); err != nil {
			return err
		}
		time.Sleep(eventInterval)
	}
}

func (s *server) whose(authorization []byte) string {
	switch {
	case bytes.Equal(authorization, s.injected):
		return "injected"
	case len(authorization) > 0:
		return "own"
	default:
		return "none"
	}
}

func answer(kind string, body []byte) []byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: %s\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n",
		kind, len(body))
	return append([]byte(head), body...)
}

// smallBody is about 1 KB of JSON.
func smallBody() []byte {
	return []byte(`{"object":"list","data":[` + strings.Repeat(`{"name":"one of some","size":12},`, 29) + `{"name":"last","size":0}]}`)
}

// filler is prose: what looks random is taken for a secret.
func filler(size int) []byte {
	const line = "The quick brown fox jumps over the lazy dog, and then it walks home.\n"
	return []byte(strings.Repeat(line, size/len(line)+1)[:size])
}
