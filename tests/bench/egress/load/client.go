package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// bufferSize is two full records of TLS.
const bufferSize = 32 << 10

// clientOptions say how upstream is reached.
type clientOptions struct {
	target, proxy, caFile string
}

// client opens connections to one upstream, through one proxy or none.
type client struct {
	options clientOptions
	host    string
	tls     *tls.Config
}

func newClient(o clientOptions) (*client, error) {
	host, _, err := net.SplitHostPort(o.target)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + o.caFile)
	}
	// No session cache: each connection is a full handshake.
	config := &tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{"http/1.1"}, DynamicRecordSizingDisabled: true}
	return &client{o, host, config}, nil
}

// connection is one TLS connection that has been verified.
type connection struct {
	net.Conn
	in *bufio.Reader
}

func (c *client) dial() (*connection, error) {
	address := c.options.proxy
	if address == "" {
		address = c.options.target
	}
	tcp, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	tcp.SetDeadline(time.Now().Add(patience))
	if c.options.proxy != "" {
		if err := tunnel(tcp, c.options.target); err != nil {
			tcp.Close()
			return nil, err
		}
	}
	secure := tls.Client(tcp, c.tls)
	if err := secure.Handshake(); err != nil {
		tcp.Close()
		return nil, err
	}
	return &connection{secure, bufio.NewReaderSize(secure, bufferSize)}, nil
}

// tunnel asks a proxy for a tunnel and reads its answer. A refusal has a body: then the head need not be the end.
func tunnel(tcp net.Conn, target string) error {
	if _, err := fmt.Fprintf(tcp, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target); err != nil {
		return err
	}
	// Upstream speaks after the client's hello only: what is read here is the proxy's.
	head := make([]byte, 0, 4<<10)
	for !bytes.Contains(head, []byte("\r\n\r\n")) {
		size, err := tcp.Read(head[len(head):cap(head)])
		if err != nil {
			return fmt.Errorf("CONNECT: %w", err)
		}
		head = head[:len(head)+size]
		if len(head) == cap(head) {
			break
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("CONNECT was answered with %q", bytes.SplitN(head, []byte("\r\n"), 2)[0])
	}
	return nil
}

// request is a head without a body as an agent sends it.
func (c *client) request(method, path, more string) []byte {
	return []byte(method + " " + path + " HTTP/1.1\r\nHost: " + c.host +
		"\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nAccept-Language: en\r\nAuthorization: Bearer agent-own\r\n" + more + "\r\n")
}

// chunked is the length of a body whose length its head does not tell.
const chunked = -1

// head reads a response head. The status must be 200.
func (c *connection) head() (length int64, err error) {
	line, err := c.in.ReadSlice('\n')
	if closed(err) && len(line) == 0 {
		return 0, errClosed
	}
	if err != nil {
		return 0, fmt.Errorf("response: %w", err)
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200"))
	status := string(bytes.TrimSpace(line))
	length = -2
	for {
		line, err = c.in.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("response head: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		if value, found := field(line, "content-length:"); found {
			if length, err = strconv.ParseInt(value, 10, 64); err != nil {
				return 0, err
			}
		} else if value, found := field(line, "transfer-encoding:"); found && value == "chunked" {
			length = chunked
		}
	}
	if !ok {
		text, _ := c.in.Peek(int(min(max(length, 0), 200)))
		return 0, fmt.Errorf("answered with %s: %.200s", status, text)
	}
	if length < chunked {
		return 0, errors.New("a response without framing")
	}
	return length, nil
}

// field is the value of a header line if its name, in lower case and with the colon, is this one.
func field(line []byte, name string) (string, bool) {
	if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return "", false
	}
	return string(bytes.TrimSpace(line[len(name):])), true
}

// skip reads a body and drops it. It returns the body's length.
func (c *connection) skip(length int64) (int64, error) {
	if length != chunked {
		_, err := c.in.Discard(int(length))
		return length, err
	}
	var total int64
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return total, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return total, err
		}
		if _, err := c.in.Discard(int(size) + 2); err != nil {
			return total, err
		}
		if size == 0 {
			return total, nil
		}
		total += size
	}
}

// send writes bytes of a request.
func (c *connection) send(part []byte) error {
	_, err := c.Write(part)
	if closed(err) {
		return errClosed
	}
	return err
}

// get sends a prepared request and reads its response to the end.
func (c *connection) get(request []byte) (int64, error) {
	if err := c.send(request); err != nil {
		return 0, err
	}
	length, err := c.head()
	if err != nil {
		return 0, err
	}
	return c.skip(length)
}
