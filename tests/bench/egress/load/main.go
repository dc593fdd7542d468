// Load generator and upstream server of the egress benchmark.
//
// It is a program of its own, in Go and without libraries, because a generator that shared the runtime of the
// proxy under test would measure itself: what slows the one would slow the other. It does the least that still is
// real HTTP/1.1 over real TLS: requests and answers are prepared bytes, and nothing is parsed beyond the framing.
//
//	load serve  --addr 127.0.0.1:443 --cert F --key F --token T
//	load rate   [CLIENT] --conns N            requests on kept connections
//	load fresh  [CLIENT] --conns N            a new connection for each request
//	load down   [CLIENT] --conns N --bytes N  answers of so many bytes
//	load up     [CLIENT] --conns N --bytes N  requests of so many bytes
//	load events [CLIENT]                      delay of server-sent events
//	load check  [CLIENT]                      whose credential upstream sees
//	load ready  [CLIENT] --health ADDR,URL --tunnel ADDR   when a proxy answers
//
// CLIENT is --target HOST:PORT --ca FILE [--proxy ADDR] [--seconds S] [--warm S]. Each prints one line of JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// options are the flags of all commands.
type options struct {
	client          clientOptions
	addr, cert, key string
	token           string
	conns           int
	bytes           int64
	span            span
	health, tunnels list
}

// span is how long a load runs.
type span struct {
	warm, measured time.Duration
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

var commands = map[string]func(options) (any, error){
	"serve":  serve,
	"rate":   rate,
	"fresh":  fresh,
	"down":   down,
	"up":     up,
	"events": events,
	"check":  check,
	"ready":  ready,
}

func main() {
	result, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}

func run(args []string) (any, error) {
	if len(args) == 0 || commands[args[0]] == nil {
		return nil, fmt.Errorf("no such command; see the first comment of main.go")
	}
	var o options
	var seconds, warm float64
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.StringVar(&o.client.target, "target", "", "host and port of upstream")
	flags.StringVar(&o.client.proxy, "proxy", "", "address of the proxy; empty: none")
	flags.StringVar(&o.client.caFile, "ca", "", "certificates that the client trusts")
	flags.Float64Var(&seconds, "seconds", 3, "how long is measured")
	flags.Float64Var(&warm, "warm", 0, "how long the load runs before that")
	flags.IntVar(&o.conns, "conns", 1, "connections at once")
	flags.Int64Var(&o.bytes, "bytes", 1<<20, "length of a body")
	flags.StringVar(&o.addr, "addr", "", "where the server listens")
	flags.StringVar(&o.cert, "cert", "", "certificate of the server")
	flags.StringVar(&o.key, "key", "", "its key")
	flags.StringVar(&o.token, "token", "", "credential that a proxy injects")
	flags.Var(&o.health, "health", "address and URL that a proxy must answer with 200")
	flags.Var(&o.tunnels, "tunnel", "address of a proxy that must answer CONNECT with 200")
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	o.span = span{warm: duration(warm), measured: duration(seconds)}
	return commands[args[0]](o)
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}
