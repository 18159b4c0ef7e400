// An echo peer with gorilla/websocket: ../peers.ts tells what every peer does.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// Neither servers nor clients compress by default.
func wantsCompression(path string) bool {
	return strings.HasPrefix(path, "/compressed")
}

func obey(ws *websocket.Conn, kind int, message []byte) error {
	words := strings.SplitN(string(message), " ", 3)
	switch {
	case kind == websocket.TextMessage && words[0] == "!ping":
		return ws.WriteControl(websocket.PingMessage, []byte("from the peer"), time.Now().Add(time.Minute))
	case kind == websocket.TextMessage && words[0] == "!fragments":
		writer, err := ws.NextWriter(websocket.TextMessage)
		if err != nil {
			return err
		}
		// Whenever its buffer of 4096 bytes is full, the writer sends a fragment.
		for _, word := range []string{"one ", "two ", "three "} {
			io.WriteString(writer, strings.Repeat(word, 1000))
		}
		return writer.Close()
	case kind == websocket.TextMessage && words[0] == "!close":
		code, _ := strconv.Atoi(words[1])
		return ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, words[2]))
	default:
		return ws.WriteMessage(kind, message)
	}
}

func serve(ws *websocket.Conn, path string) {
	defer ws.Close()
	fmt.Println("opened", path, orDash(ws.Subprotocol()))
	for {
		kind, message, err := ws.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			fmt.Println("closed", path, closed.Code, orDash(closed.Text))
			return
		}
		if err == nil {
			err = obey(ws, kind, message)
		}
		if err != nil {
			fmt.Println("failed", path, err)
			return
		}
	}
}

func answer(response http.ResponseWriter, request *http.Request) {
	upgrader := websocket.Upgrader{
		Subprotocols:      []string{"chat"},
		EnableCompression: wantsCompression(request.URL.Path),
	}
	ws, err := upgrader.Upgrade(response, request, nil)
	if err == nil {
		serve(ws, request.URL.Path)
	}
}

func connect(address, protocols, origin string) {
	target, _ := url.Parse(address)
	dialer := websocket.Dialer{EnableCompression: wantsCompression(target.Path)}
	if protocols != "-" {
		dialer.Subprotocols = strings.Split(protocols, ",")
	}
	headers := http.Header{}
	if origin != "-" {
		headers.Set("Origin", origin)
	}
	ws, response, err := dialer.Dial(address, headers)
	if err != nil {
		if response != nil {
			fmt.Println("refused", target.Path, response.StatusCode)
		} else {
			fmt.Println("failed", target.Path, err)
		}
		return
	}
	serve(ws, target.Path)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	go http.Serve(listener, http.HandlerFunc(answer))
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		go connect(words[0], words[1], words[2])
	}
}
