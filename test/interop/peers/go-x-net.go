// An echo peer with golang.org/x/net/websocket: ../peers.ts tells what every peer does.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/websocket"
)

type message struct {
	kind    byte
	payload []byte
}

// The codec websocket.Message does not tell whether a message is text.
var codec = websocket.Codec{
	Marshal: func(value any) ([]byte, byte, error) {
		sent := value.(message)
		return sent.payload, sent.kind, nil
	},
	Unmarshal: func(payload []byte, kind byte, value any) error {
		*value.(*message) = message{kind, payload}
		return nil
	},
}

func obey(ws *websocket.Conn, received message) error {
	words := strings.SplitN(string(received.payload), " ", 3)
	switch {
	case received.kind == websocket.TextFrame && words[0] == "!ping":
		return codec.Send(ws, message{websocket.PingFrame, []byte("from the peer")})
	case received.kind == websocket.TextFrame && words[0] == "!close":
		// A close frame of this package has no reason.
		code, _ := strconv.Atoi(words[1])
		return ws.WriteClose(code)
	default:
		return codec.Send(ws, received)
	}
}

func serve(ws *websocket.Conn, path string) {
	protocol := "-"
	if protocols := ws.Config().Protocol; len(protocols) > 0 {
		protocol = protocols[0]
	}
	fmt.Println("opened", path, protocol)
	for {
		var received message
		err := codec.Receive(ws, &received)
		if err == nil {
			err = obey(ws, received)
		}
		if err != nil {
			// The package does not tell code and reason. Close sends a close frame with 1000.
			ws.Close()
			fmt.Println("closed", path, "-", "-")
			return
		}
	}
}

// The package leaves the choice of the subprotocol to its user, and insists on an answer that was offered.
func chooseProtocol(config *websocket.Config, _ *http.Request) error {
	offered := config.Protocol
	config.Protocol = nil
	for _, protocol := range offered {
		if protocol == "chat" {
			config.Protocol = []string{protocol}
		}
	}
	return nil
}

func connect(address, protocols, origin string) {
	target, _ := url.Parse(address)
	if origin == "-" {
		// The package demands an origin.
		origin = "http://" + target.Host
	}
	config, err := websocket.NewConfig(address, origin)
	if err != nil {
		panic(err)
	}
	if protocols != "-" {
		config.Protocol = strings.Split(protocols, ",")
	}
	ws, err := websocket.DialConfig(config)
	var refused *websocket.DialError
	if errors.As(err, &refused) && refused.Err == websocket.ErrBadStatus {
		// The package does not tell the status.
		fmt.Println("refused", target.Path, "-")
	} else if err != nil {
		fmt.Println("failed", target.Path, err)
	} else {
		serve(ws, target.Path)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	handler := func(ws *websocket.Conn) { serve(ws, ws.Request().URL.Path) }
	paths := http.NewServeMux()
	// A Handler, unlike a Server, refuses clients that send no Origin.
	paths.Handle("/", websocket.Server{Handshake: chooseProtocol, Handler: handler})
	paths.Handle("/origin/", websocket.Handler(handler))
	go http.Serve(listener, paths)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		go connect(words[0], words[1], words[2])
	}
}
