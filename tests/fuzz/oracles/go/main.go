// Reads HTTP/1.1 messages with Go's net/http and says how it framed them. One task a line on standard input:
// "requests" or "responses", the method that is answered ("-": none), the bytes as Latin-1 in a JSON string. One JSON
// object a line on standard output, its strings Latin-1 as well.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
)

type verdict struct {
	Kind     string   `json:"kind"`
	Code     string   `json:"code,omitempty"`
	Method   string   `json:"method"`
	Target   string   `json:"target"`
	Status   int      `json:"status"`
	Minor    int      `json:"minor"`
	Fields   []string `json:"fields"`
	Body     string   `json:"body"`
	Trailers []string `json:"trailers"`
	Length   int      `json:"length"`
}

// latin1 makes one character of each byte.
func latin1(text string) string {
	runes := make([]rune, len(text))
	for index := range len(text) {
		runes[index] = rune(text[index])
	}
	return string(runes)
}

func toBytes(text string) []byte {
	wire := make([]byte, 0, len(text))
	for _, char := range text {
		wire = append(wire, byte(char))
	}
	return wire
}

func linesOf(header http.Header) []string {
	lines := []string{}
	for name, values := range header {
		for _, value := range values {
			lines = append(lines, latin1(name+": "+strings.Trim(value, " \t")))
		}
	}
	return lines
}

func refused(err error) verdict {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return verdict{Kind: "incomplete"}
	}
	return verdict{Kind: "refused", Code: err.Error()}
}

func read(side, answers string, wire []byte) verdict {
	source := bytes.NewReader(wire)
	buffered := bufio.NewReader(source)
	said := verdict{Kind: "message"}
	var stream io.Reader
	var header http.Header
	var trailer *http.Header
	if side == "requests" {
		request, err := http.ReadRequest(buffered)
		if err != nil {
			return refused(err)
		}
		said.Method, said.Target, said.Minor = request.Method, latin1(request.RequestURI), request.ProtoMinor
		stream, header, trailer = request.Body, request.Header, &request.Trailer
	} else {
		response, err := http.ReadResponse(buffered, &http.Request{Method: answers})
		if err != nil {
			return refused(err)
		}
		said.Status, said.Minor = response.StatusCode, response.ProtoMinor
		stream, header, trailer = response.Body, response.Header, &response.Trailer
	}
	body, err := io.ReadAll(stream)
	if err != nil {
		return refused(err)
	}
	said.Body, said.Fields, said.Trailers = latin1(string(body)), linesOf(header), linesOf(*trailer)
	said.Length = len(wire) - source.Len() - buffered.Buffered()
	return said
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.SplitN(line, " ", 3)
		var text string
		if json.Unmarshal([]byte(words[2]), &text) != nil {
			panic("not a task: " + line)
		}
		encoder.Encode(read(words[0], words[1], toBytes(text)))
		out.Flush()
	}
}
