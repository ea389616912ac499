// Command goplugin is the peer in Go: a hashicorp/go-plugin over net/rpc that
// echoes 64 bytes. It is a program of its own so that what it links does not
// slow down the start of our workers. It reads "what n" lines as peer.py does.
package main

import (
	"bufio"
	"fmt"
	"net/rpc"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

var handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "BENCH_PLUGIN", MagicCookieValue: "echo"}

type echoPlugin struct{}

func (echoPlugin) Server(*plugin.MuxBroker) (any, error) { return &echoServer{}, nil }

func (echoPlugin) Client(_ *plugin.MuxBroker, c *rpc.Client) (any, error) { return c, nil }

type echoServer struct{}

// Echo is called by the client.
func (*echoServer) Echo(in []byte, out *[]byte) error {
	*out = in
	return nil
}

func main() {
	if os.Getenv("SERVE_PLUGIN") != "" {
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: handshake,
			Plugins:         map[string]plugin.Plugin{"echo": echoPlugin{}},
			Logger:          hclog.NewNullLogger(),
		})
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "goplugin:", err)
		os.Exit(1)
	}
}

func run() error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVE_PLUGIN=1")
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake,
		Plugins:         map[string]plugin.Plugin{"echo": echoPlugin{}},
		Cmd:             cmd,
		Logger:          hclog.NewNullLogger(),
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return err
	}
	x, err := protocol.Dispense("echo")
	if err != nil {
		return err
	}
	conn := x.(*rpc.Client)
	body := make([]byte, 64)
	fmt.Println("ready go-plugin")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var what string
		var n int
		if _, err := fmt.Sscan(in.Text(), &what, &n); err != nil {
			return err
		}
		start := time.Now()
		for range n {
			var out []byte
			if err := conn.Call("Plugin.Echo", body, &out); err != nil {
				return err
			}
		}
		fmt.Println(time.Since(start).Seconds())
	}
	return nil
}
